//! The console: pages for people, made of files inside the program. No other host is asked for anything.
//!
//! A page is small, never cached without asking, and names the version of everything else in its addresses; what stands under that
//! version never changes, so browsers keep it. A gateway of another version that is asked for such a file gives its own, uncached.

mod files;
mod headers;

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};

use self::files::FILES;
use self::headers::{has, page_headers};
use crate::clock::hex;
use crate::problem::Problem;

pub(crate) use self::headers::Dressed;

/// What stands in a page where the version belongs.
const VERSION_MARK: &str = "{version}";

/// Bytes of the fingerprint that are the version.
const VERSION_BYTES: usize = 8;

/// Shown again only after asking whether it is still the same.
const ASK_ALWAYS: &str = "no-cache";

/// Never asked for again.
const KEEP: &str = "public, max-age=31536000, immutable";

/// The shop: a storefront for buyers and a desk for sellers. It belongs on the public listener.
pub fn shop<S: Clone + Send + Sync + 'static>() -> Router<S> {
    static PAGE: LazyLock<Page> = LazyLock::new(|| Page::of("index.html"));
    files_and(&PAGE)
}

/// The operators' view. It has no authentication and belongs on the admin listener.
pub fn operators<S: Clone + Send + Sync + 'static>() -> Router<S> {
    static PAGE: LazyLock<Page> = LazyLock::new(|| Page::of("operator.html"));
    files_and(&PAGE)
}

/// Bytes of all files of the console.
#[must_use]
pub fn size() -> usize {
    FILES.iter().map(|file| file.bytes.len()).sum()
}

fn files_and<S: Clone + Send + Sync + 'static>(page: &'static LazyLock<Page>) -> Router<S> {
    Router::new()
        .route("/", get(move |headers: HeaderMap| async move { page.answer(&headers) }))
        .route("/console/{version}/{*path}", get(file))
}

async fn file(Path((version, path)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let found = FILES.iter().find(|file| file.path == path && !file.is_page());
    let Some(file) = found else {
        return Problem::not_found().into_response();
    };
    let keep = if version == *VERSION { KEEP } else { ASK_ALWAYS };
    answer(file.content_type(), file.bytes, &tag(file.bytes), keep, &headers)
}

/// The fingerprint of everything that the console is made of.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut all = Sha256::new();
    for file in FILES {
        all.update(file.path);
        all.update([0]);
        all.update(Sha256::digest(file.bytes));
    }
    let fingerprint = all.finalize();
    hex(fingerprint.get(..VERSION_BYTES).unwrap_or(&fingerprint))
});

/// A page with the version in it.
struct Page {
    bytes: Vec<u8>,
    tag: String,
}

impl Page {
    fn of(path: &str) -> Self {
        let found = FILES.iter().find(|file| file.path == path);
        let text = found.map_or_else(String::new, |file| String::from_utf8_lossy(file.bytes).into_owned());
        let bytes = text.replace(VERSION_MARK, &VERSION).into_bytes();
        let tag = tag(&bytes);
        Self { bytes, tag }
    }

    fn answer(&'static self, headers: &HeaderMap) -> Response {
        answer(files::HTML, &self.bytes, &self.tag, ASK_ALWAYS, headers)
    }
}

/// A strong `ETag` of these bytes.
fn tag(bytes: &[u8]) -> String {
    format!("\"{}\"", hex(&Sha256::digest(bytes)))
}

fn answer(
    content_type: &'static str,
    bytes: &'static [u8],
    tag: &str,
    keep: &'static str,
    asked: &HeaderMap,
) -> Response {
    let mut response = if has(asked, tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, HeaderValue::from_static(content_type))], bytes).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(ETAG, tag);
    }
    page_headers(headers);
    response.extensions_mut().insert(Dressed);
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn every_file_of_the_console_is_in_the_program_and_has_a_type() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("console");
        let mut on_disk = Vec::new();
        let mut directories = vec![root.clone()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    on_disk.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        on_disk.retain(|path| !path.starts_with("screenshots/"));
        on_disk.sort_unstable();
        let mut embedded: Vec<&str> = FILES.iter().map(|file| file.path).collect();
        embedded.sort_unstable();
        assert_eq!(embedded, on_disk);
        for file in FILES {
            assert_ne!(file.content_type(), files::BYTES, "{}", file.path);
        }
    }

    #[test]
    fn a_page_names_the_version_and_has_no_script_or_style_of_its_own() {
        for path in ["index.html", "operator.html"] {
            let page = String::from_utf8(Page::of(path).bytes).unwrap();
            assert!(page.contains(&format!("/console/{}/", *VERSION)), "{page}");
            assert!(!page.contains(VERSION_MARK), "{page}");
            let scripts = page.matches("<script").count();
            assert_eq!(scripts, page.matches("<script type=\"module\" src=").count(), "{page}");
            assert!(
                !page.contains("<style") && !page.contains(" style=") && !page.contains(" on"),
                "{page}"
            );
        }
    }

    #[test]
    fn no_file_reaches_for_another_host_or_writes_markup() {
        let texts = FILES
            .iter()
            .map(|file| (file.path, String::from_utf8_lossy(file.bytes)));
        for (path, text) in texts {
            let text = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http://") && !text.contains("https://"), "{path}");
            for sink in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "new Function",
            ] {
                assert!(!text.contains(sink), "{path} uses {sink}");
            }
        }
    }
}
