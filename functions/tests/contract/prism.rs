//! Prism: a mock server that judges requests by an OpenAPI description.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};
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
        let description = spelled_out(description);
        let mut process = Command::new("node")
            .arg(program)
            .args(["mock", "--errors", "--host", "127.0.0.1", "--port", "0"])
            .arg(&description)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts");
        let mut log = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = tokio::time::timeout(START, address(&mut log)).await.expect("prism starts in time");
        std::fs::remove_file(description).unwrap();
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        Self { url, _process: process }
    }
}

/// Lists in forms repeat their key unless a description says otherwise. Prism knows that only if it is said, so in a copy it is.
fn spelled_out(description: &Path) -> PathBuf {
    static COPIES: AtomicU32 = AtomicU32::new(0);
    let mut document: Value = serde_json::from_slice(&std::fs::read(description).unwrap()).unwrap();
    let operations = document["paths"].as_object_mut().unwrap().values_mut().filter_map(Value::as_object_mut);
    for form in operations
        .flat_map(|path| path.values_mut())
        .filter_map(|operation| operation.pointer_mut("/requestBody/content/application~1x-www-form-urlencoded"))
    {
        let properties = form["schema"]["properties"].as_object().into_iter().flatten();
        let lists: Map<String, Value> = properties
            .filter(|(_, schema)| schema["type"] == "array")
            .map(|(name, _)| (name.clone(), json!({ "style": "form", "explode": true })))
            .collect();
        form["encoding"] = lists.into();
    }
    let copy = format!("description-{}-{}.json", std::process::id(), COPIES.fetch_add(1, Ordering::Relaxed));
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(copy);
    std::fs::write(&copy, document.to_string()).unwrap();
    copy
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
