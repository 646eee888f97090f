//! Processes that must not outlive us, and that deserve a word before they are killed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::{Child, Command};

/// Asks a process to end: `SIGTERM`.
pub(crate) async fn ask_to_end(pid: u32) -> io::Result<()> {
    signal(pid, "TERM").await
}

/// Signals by name. The standard library can only kill.
pub(crate) async fn signal(pid: u32, name: &str) -> io::Result<()> {
    let arguments = [format!("-{name}"), pid.to_string()];
    Command::new("kill").args(arguments).stderr(Stdio::null()).status().await.map(drop)
}

/// Ends a process when we are gone, however we went: it waits for the end of its standard input, which only we
/// hold open. A process that is killed runs no destructors.
#[derive(Debug)]
pub(crate) struct Guard(Child);

impl Guard {
    pub(crate) fn over(pid: u32) -> io::Result<Self> {
        let script = "cat; kill -TERM \"$0\"; sleep 2; kill -KILL \"$0\"";
        Command::new("sh")
            .args(["-c", script, &pid.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map(Self)
    }

    /// Its process has ended, and the number may soon be another's.
    pub(crate) async fn dismiss(mut self) {
        let _ = self.0.kill().await;
    }
}

/// A program that finds what `env` says and nothing else, and writes to `log`.
pub(crate) fn command<A: AsRef<OsStr>>(
    program: &Path,
    args: &[A],
    env: &BTreeMap<String, String>,
    log: &Path,
) -> io::Result<Command> {
    let log = OpenOptions::new().create(true).append(true).open(log)?;
    let mut command = Command::new(program);
    command.args(args).env_clear().envs(env).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    // Not the terminal's business: it is we who end it after a Ctrl-C.
    command.process_group(0).kill_on_drop(true);
    Ok(command)
}

/// Where the project's programs are: beside ours, or one up if ours is a test.
pub(crate) fn program_folder() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.parent().unwrap_or(Path::new("."));
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    Ok(folder.to_owned())
}
