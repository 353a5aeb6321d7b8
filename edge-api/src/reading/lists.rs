//! Lists of committed state, page by page.
