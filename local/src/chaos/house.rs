//! The cloud that things go wrong in, and what is needed to make them go wrong.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use shared::calls::MediaPath;
use tokio::process::Command;

use super::plan::{Kind, Kinds};
use crate::cloud::{Cloud, Data, Faults, Jitter, Options, Peculiar, Program};
use crate::model::{Handle, Script, ScriptedModel};

/// A relay that died is started again after this: ECS is slower, but then there are more relays.
const RESTART_AFTER: Duration = Duration::from_millis(500);
/// Frames of callers are late by up to this.
const JITTER: Duration = Duration::from_millis(40);
/// The relay with next to no disk. Four seconds of a call fit it.
const CRAMPED: usize = 0;
const SMALL_DISK: &str = "size=64k";

/// What is wanted of it.
#[derive(Debug, Clone)]
pub(super) struct Wishes {
    pub(super) path: MediaPath,
    pub(super) relays: usize,
    pub(super) kinds: Kinds,
    pub(super) seed: u64,
    /// How long a relay that is told to go lets its calls run.
    pub(super) drain: Duration,
    pub(super) programs: Option<PathBuf>,
}

#[derive(Debug)]
pub(super) struct House {
    pub(super) cloud: Cloud,
    pub(super) model: Handle,
    /// Faults that were wanted and cannot be had here, and why.
    pub(super) left_out: Vec<String>,
    tools: Tools,
}

/// What single faults need.
#[derive(Debug, Default)]
struct Tools {
    folder: Option<Folder>,
    faketime: Option<PathBuf>,
    mount: Option<Program>,
}

impl House {
    pub(super) async fn start(wishes: &Wishes, script: Script) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (tools, left_out) = Tools::find(wishes).await?;
        let model = ScriptedModel::start(script, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let options = Options {
            port: 0,
            data: Data::Temporary,
            media_path: wishes.path,
            model_url: Some(model.url().parse()?),
            relays: wishes.relays,
            drain: wishes.drain,
            program_folder: wishes.programs.clone(),
            faults: Faults {
                jitter: wishes.kinds.has(Kind::Frames).then_some(Jitter { up_to: JITTER, seed: wishes.seed }),
                restart_after: Some(RESTART_AFTER),
                witness: true,
                weather: wishes.kinds.has(Kind::Store),
                relays: tools.peculiar(wishes.relays),
            },
            ..Options::default()
        };
        let cloud = Cloud::start(options).await?;
        Ok(Self { cloud, model, left_out, tools })
    }

    /// The wall clock of a relay is so many seconds off from now on. False if that cannot be done here.
    pub(super) fn set_clock(&self, relay: usize, seconds: i64) -> bool {
        let Some(folder) = self.tools.folder.as_ref().filter(|_| self.tools.faketime.is_some()) else { return false };
        set_clock(&folder.0, relay, seconds).is_ok()
    }

    pub(super) async fn stop(self) {
        self.cloud.stop().await;
        self.model.stop().await;
    }
}

impl Tools {
    async fn find(wishes: &Wishes) -> std::io::Result<(Self, Vec<String>)> {
        let (mut tools, mut left_out) = (Self::default(), Vec::new());
        if wishes.kinds.has(Kind::Clock) {
            tools.faketime = faketime();
            if tools.faketime.is_none() {
                left_out.push("clock jumps: there is no libfaketime here (Debian: apt install libfaketime)".to_owned());
            }
        }
        if wishes.kinds.has(Kind::Disk) {
            tools.mount = mounter().await;
            if tools.mount.is_none() {
                left_out.push("a full disk: no file system can be mounted in a namespace here (unshare)".to_owned());
            }
        }
        if wishes.kinds.has(Kind::Frames) && wishes.path == MediaPath::Direct {
            left_out.push("doubled and reordered frames: on the direct path TCP keeps them in order".to_owned());
        }
        if tools.faketime.is_some() || tools.mount.is_some() {
            tools.folder = Some(Folder::new()?);
        }
        Ok((tools, left_out))
    }

    fn peculiar(&self, relays: usize) -> BTreeMap<usize, Peculiar> {
        let Some(Folder(folder)) = &self.folder else { return BTreeMap::new() };
        (0..relays).map(|relay| (relay, self.of_relay(folder, relay))).collect()
    }

    fn of_relay(&self, folder: &Path, relay: usize) -> Peculiar {
        let mut peculiar = Peculiar::default();
        let mut set = |key: &str, value: &str| drop(peculiar.env.insert(key.to_owned(), value.to_owned()));
        if let Some(library) = self.faketime.as_ref().filter(|_| set_clock(folder, relay, 0).is_ok()) {
            set("LD_PRELOAD", &library.to_string_lossy());
            set("FAKETIME_TIMESTAMP_FILE", &clock(folder, relay).to_string_lossy());
            set("FAKETIME_CACHE_DURATION", "1");
            set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
            set("DONT_FAKE_MONOTONIC", "1");
        }
        let spool = folder.join("spool");
        if relay == CRAMPED && self.mount.is_some() && std::fs::create_dir_all(&spool).is_ok() {
            set("RECORDING_SPOOL", &spool.to_string_lossy());
            set("TMPDIR", &spool.to_string_lossy());
            peculiar.under = self.mount.clone();
        }
        peculiar
    }
}

fn clock(folder: &Path, relay: usize) -> PathBuf {
    folder.join(format!("clock-{relay}"))
}

/// Written beside and moved, so that nobody reads half of it.
fn set_clock(folder: &Path, relay: usize, seconds: i64) -> std::io::Result<()> {
    let (file, draft) = (clock(folder, relay), folder.join(format!("draft-{relay}")));
    std::fs::write(&draft, format!("{seconds:+}\n"))?;
    std::fs::rename(draft, file)
}

/// Where Debian and its kin put it.
fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path().join("faketime"));
    let folders = folders.chain(["/usr/lib/faketime", "/usr/local/lib/faketime"].map(PathBuf::from));
    // The one for programs with threads.
    folders.map(|folder| folder.join("libfaketimeMT.so.1")).find(|library| library.is_file())
}

/// Runs a program with a small file system of its own, without asking to be root where the kernel allows it.
async fn mounter() -> Option<Program> {
    for more in [&["--mount"][..], &["--map-root-user", "--mount"][..]] {
        let tried = Command::new("unshare")
            .args(more)
            .args(["sh", "-c", &format!("mount -t tmpfs -o {SMALL_DISK} tmpfs /mnt")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        if tried.is_ok_and(|status| status.success()) {
            let script = format!("mount -t tmpfs -o {SMALL_DISK} tmpfs \"$RECORDING_SPOOL\" && exec \"$0\" \"$@\"");
            let mut args: Vec<String> = more.iter().map(|word| (*word).to_owned()).collect();
            args.extend(["sh".to_owned(), "-c".to_owned(), script]);
            return Some(Program { path: PathBuf::from("unshare"), args });
        }
    }
    None
}

/// Is removed when it is dropped.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("voicebridge-chaos-{:016x}", fastrand::u64(..)));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a temporary folder stays");
        }
    }
}
