//! The command: `voicebridge serve`, as a process that is told to stop.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::relays::{Folder, children_of, is_alive};
use crate::toys::eventually;

/// Programs that do nothing for long, under the names of the real ones.
fn idle_programs(folder: &Path) {
    for name in ["twiml", "ws-connect", "ws-disconnect", "ws-default", "tool-call", "api", "ws-logs"] {
        let program = folder.join(name);
        std::fs::write(&program, "#!/bin/sh\nexec sleep 1000\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn serve(folder: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voicebridge"));
    command.args(["serve", "--port", "0", "--temporary", "--relays", "0", "--env-file", "none", "--programs"]);
    command.arg(folder).env_clear().stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
}

fn tell(pid: u32, signal: &str) {
    assert!(std::process::Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

#[tokio::test]
async fn serve_says_where_it_is_and_stops_cleanly_on_a_signal() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let folder = Folder::new(&format!("serve{signal}"));
        idle_programs(&folder.0);
        let mut serve = serve(&folder.0);
        let mut lines = BufReader::new(serve.stdout.take().unwrap()).lines();
        let first = lines.next_line().await.unwrap().unwrap();
        assert!(first.starts_with("voicebridge is at http://localhost:"), "{first}");
        let pid = serve.id().unwrap();
        let children = eventually(|| Some(children_of(pid)).filter(|children| children.len() >= 7)).await;
        tell(pid, signal);
        let status = tokio::time::timeout(Duration::from_secs(20), serve.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{signal}: {status}");
        assert!(children.iter().all(|pid| !is_alive(*pid)));
    }
}

#[tokio::test]
async fn serve_says_what_is_missing() {
    let folder = Folder::new("serve-empty");
    let mut command = Command::new(env!("CARGO_BIN_EXE_voicebridge"));
    command.args(["serve", "--port", "0", "--temporary", "--env-file", "none"]).env_clear();
    command.arg("--model-url").arg("ws://127.0.0.1:1/v1/realtime").arg("--programs").arg(&folder.0);
    let output = command.output().await.unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("twiml is not there: build it with `cargo build -p functions`"), "{said}");
}
