//! The console's files, beside the API and under the same origin: what CloudFront and S3 are in the cloud.
//!
//! | path | what |
//! |---|---|
//! | `/`, `/console`, `/console/…` | the page, which knows by its address what to show |
//! | `/assets/{name}` | what it is made of; a name changes with its content |
//!
//! Files come from the folder that `make web` builds, and from nowhere else.

use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

const NOT_BUILT: &str = "The console is not built. `make web` builds it; then load this page again.\n\
    The API is here in any case: GET /status, /calls, /api/agents …\n";

/// A year, and never asked about again.
const FOREVER: &str = "public, max-age=31536000, immutable";

#[derive(Debug, Clone)]
pub(crate) struct Console {
    folder: PathBuf,
    /// What the page may load, and from where.
    policy: HeaderValue,
}

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
enum Page<'a> {
    Index,
    Asset(&'a str),
}

impl<'a> Page<'a> {
    fn find(path: &'a str) -> Option<Self> {
        match path {
            "/" | "/console" => Some(Self::Index),
            path if path.starts_with("/console/") => Some(Self::Index),
            path => path.strip_prefix("/assets/").map(Self::Asset),
        }
    }
}

impl Console {
    /// `objects`: where recordings are fetched from and music is put, by links that the API signs. `streams`: where a test
    /// call's stream goes, which need not be where the page is from.
    pub(crate) fn new(folder: PathBuf, objects: &str, streams: &str) -> Self {
        let policy =
            HeaderValue::try_from(policy(objects, streams)).unwrap_or(HeaderValue::from_static("default-src 'none'"));
        Self { folder, policy }
    }

    /// `None`: the path is not the console's.
    pub(crate) async fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
        let page = Page::find(path)?;
        let mut response = match *method {
            Method::GET | Method::HEAD => self.file(&page, takes_gzip(headers)).await,
            _ => text(StatusCode::METHOD_NOT_ALLOWED, "this takes GET\n"),
        };
        self.protect(response.headers_mut());
        Some(response)
    }

    async fn file(&self, page: &Page<'_>, gzip: bool) -> Response {
        match page {
            Page::Index => match read(&self.folder.join("index.html"), gzip).await {
                Some(file) => file.response("text/html; charset=utf-8", "no-cache"),
                None => text(StatusCode::NOT_FOUND, NOT_BUILT),
            },
            Page::Asset(name) => match self.asset(name, gzip).await {
                Some(response) => response,
                None => text(StatusCode::NOT_FOUND, "there is no such file\n"),
            },
        }
    }

    async fn asset(&self, name: &str, gzip: bool) -> Option<Response> {
        let kind = is_plain(name).then(|| kind(name))??;
        let file = read(&self.folder.join("assets").join(name), gzip).await?;
        Some(file.response(kind, FOREVER))
    }

    fn protect(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        let fixed = [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("permissions-policy", "microphone=(self), camera=(), geolocation=(), payment=(), usb=()"),
        ];
        for (name, value) in fixed {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
    }
}

/// Nothing but our own, and no script or style that is not a file.
fn policy(objects: &str, streams: &str) -> String {
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src 'self'",
        "img-src 'self' data:",
        &format!("connect-src 'self' {objects} {streams}"),
        &format!("media-src 'self' blob: {objects}"),
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    .join("; ")
}

struct File {
    bytes: Vec<u8>,
    gzip: bool,
}

impl File {
    fn response(self, kind: &'static str, caching: &'static str) -> Response {
        let mut response = Response::new(Body::from(self.bytes));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if self.gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

/// The build leaves a compressed copy beside what is worth it.
async fn read(path: &Path, gzip: bool) -> Option<File> {
    if gzip {
        let mut compressed = path.as_os_str().to_owned();
        compressed.push(".gz");
        if let Ok(bytes) = tokio::fs::read(PathBuf::from(compressed)).await {
            return Some(File { bytes, gzip });
        }
    }
    let bytes = tokio::fs::read(path).await.ok()?;
    Some(File { bytes, gzip: false })
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|coding| coding.split(';').next().unwrap_or_default().trim() == "gzip")
}

/// A name in this folder, and no way out of it.
fn is_plain(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.starts_with('.') && name.bytes().all(fine)
}

fn kind(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

fn text(status: StatusCode, words: &'static str) -> Response {
    let mut response = Response::new(Body::from(words));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    const OBJECTS: &str = "http://127.0.0.1:4000";
    const STREAMS: &str = "wss://tunnel.example";

    /// A built console, in a folder of its own that goes with the test.
    struct Built(PathBuf);

    impl Built {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("voicebridge-console-{name}-{}", std::process::id()));
            std::fs::create_dir_all(folder.join("dist/assets")).unwrap();
            std::fs::write(folder.join("secret.js"), "secret").unwrap();
            std::fs::write(folder.join("dist/index.html"), "<title>page</title>").unwrap();
            std::fs::write(folder.join("dist/assets/app-1.js"), "plain").unwrap();
            std::fs::write(folder.join("dist/assets/app-1.js.gz"), "squeezed").unwrap();
            std::fs::write(folder.join("dist/assets/notes.txt"), "of no kind that we serve").unwrap();
            Self(folder)
        }

        fn console(&self) -> Console {
            Console::new(self.0.join("dist"), OBJECTS, STREAMS)
        }
    }

    impl Drop for Built {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    async fn get(console: &Console, path: &str, encoding: &str) -> Option<(StatusCode, HeaderMap, String)> {
        let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::try_from(encoding).unwrap())]);
        let response = console.answer(&Method::GET, path, &headers).await?;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1_000).await.unwrap();
        Some((parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap()))
    }

    #[tokio::test]
    async fn every_address_of_the_console_is_its_page_and_no_other_is() {
        let built = Built::new("addresses");
        let console = built.console();
        for path in ["/", "/console", "/console/live", "/console/calls/CA1"] {
            let (status, headers, body) = get(&console, path, "").await.unwrap();
            assert_eq!((status, body.as_str()), (StatusCode::OK, "<title>page</title>"), "{path}");
            assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
        }
        for path in ["/calls", "/status", "/api/agents", "/consoles", "/call"] {
            assert!(get(&console, path, "").await.is_none(), "{path}");
        }
    }

    #[tokio::test]
    async fn a_hashed_file_is_kept_for_ever_and_comes_compressed_to_whom_that_suits() {
        let built = Built::new("assets");
        let console = built.console();
        let (status, headers, body) = get(&console, "/assets/app-1.js", "br, gzip;q=0.5").await.unwrap();
        assert_eq!((status, body.as_str()), (StatusCode::OK, "squeezed"));
        assert_eq!(headers[header::CONTENT_ENCODING], "gzip");
        assert_eq!(headers[header::CACHE_CONTROL], FOREVER);
        assert_eq!(headers[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        let (_, headers, body) = get(&console, "/assets/app-1.js", "br").await.unwrap();
        assert_eq!((body.as_str(), headers.get(header::CONTENT_ENCODING)), ("plain", None));
    }

    #[tokio::test]
    async fn nothing_outside_the_folder_is_served() {
        let built = Built::new("outside");
        let console = built.console();
        let outside =
            ["../secret.js", "..%2Fsecret.js", "../../secret.js", ".hidden.js", "", "sub/app.js", "notes.txt"];
        for name in outside {
            let (status, _, body) = get(&console, &format!("/assets/{name}"), "gzip").await.unwrap();
            assert_eq!((status, body.as_str()), (StatusCode::NOT_FOUND, "there is no such file\n"), "{name}");
        }
    }

    #[tokio::test]
    async fn whatever_is_answered_says_what_the_page_may_do() {
        let built = Built::new("policy");
        let console = built.console();
        for path in ["/", "/assets/app-1.js", "/assets/none.js"] {
            let (_, headers, _) = get(&console, path, "").await.unwrap();
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
            assert!(policy.contains("connect-src 'self' http://127.0.0.1:4000 wss://tunnel.example;"), "{policy}");
            assert!(!policy.contains("unsafe"), "{policy}");
            assert_eq!(headers["x-content-type-options"], "nosniff");
        }
        let post = console.answer(&Method::POST, "/", &HeaderMap::new()).await.unwrap();
        assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn without_a_build_the_page_says_how_to_make_one() {
        let console = Console::new(PathBuf::from("nowhere"), OBJECTS, STREAMS);
        let (status, _, body) = get(&console, "/", "").await.unwrap();
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(body.contains("make web"), "{body}");
    }
}
