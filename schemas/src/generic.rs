//! Records of any schema as JSON.
