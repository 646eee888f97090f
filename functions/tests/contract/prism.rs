//! Prism: a mock server that judges requests by an OpenAPI description.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use url::Url;

const START: Duration = Duration::from_secs(60);

/// A process of its own on a port of its own; it ends with this value.
pub(crate) struct Prism {
    pub(crate) url: Url,
    _process: Child,
}

impl Prism {
    pub(crate) async fn mock(description: &Path) -> Self {
        let program = repository().join("contract/node_modules/@stoplight/prism-cli/dist/index.js");
        assert!(program.exists(), "{} is missing: run `make contract-deps`", program.display());
        let mut process = Command::new("node")
            .arg(program)
            .args(["mock", "--errors", "--host", "127.0.0.1", "--port", "0"])
            .arg(description)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts");
        let mut log = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = tokio::time::timeout(START, address(&mut log)).await.expect("prism starts in time");
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        Self { url, _process: process }
    }
}

async fn address(log: &mut Lines<BufReader<ChildStdout>>) -> Url {
    let mut last_words = String::new();
    while let Some(line) = log.next_line().await.unwrap() {
        if let Some((_, url)) = line.split_once("Prism is listening on ") {
            return url.trim().parse().unwrap();
        }
        last_words = line;
    }
    panic!("prism ended: {last_words}");
}

/// A file of the `contract` folder that several repositories share.
pub(crate) fn shared_contract(name: &str) -> PathBuf {
    let folder = std::env::var_os("SHARED_DIR").map_or_else(|| repository().join("../shared"), PathBuf::from);
    let file = folder.join("contract").join(name);
    assert!(file.exists(), "{} is missing: set SHARED_DIR", file.display());
    file
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
