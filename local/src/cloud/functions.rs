//! The Lambda service: functions, the queue before each, and the environments that work it off.
//!
//! An environment is a process of the real binary. It takes one invocation at a time, is started when all others
//! are busy, up to a limit, and stays warm. An invocation ends exactly once: with the function's answer, with its
//! error, or with the error that the service reports for a process that died or took too long.
//!
//! Absent on purpose: no order among a function's invocations, and no retry.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::dates::unix_ms;
use super::environment;
use super::names::Names;

/// More than this waits before no function: what comes then is throttled, as by a reached account limit.
const LONGEST_QUEUE: usize = 4096;

/// One function, as a template would declare it.
#[derive(Debug, Clone)]
pub struct FunctionSpec {
    pub name: String,
    pub program: PathBuf,
    pub args: Vec<String>,
    /// The whole environment of its processes but for what every Lambda process has.
    pub env: BTreeMap<String, String>,
    pub timeout: Duration,
    pub memory_mb: u32,
    /// Most environments at a time.
    pub limit: usize,
    /// Environments that are kept even when nobody calls.
    pub warm: usize,
    /// Where its processes write.
    pub log: PathBuf,
}

pub type InvokeResult = Result<Bytes, InvokeError>;

/// Why an invocation has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The handler returned an error, or its process died or was too slow. The payload is what Lambda reports:
    /// `{"errorType":…,"errorMessage":…}`.
    #[error("the function failed: {}", String::from_utf8_lossy(.0))]
    Function(Bytes),
    #[error("every environment of the function is busy")]
    Throttled,
    #[error("the service is stopping")]
    Stopping,
}

/// What to do with an invocation that no environment is free for and none may be started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenBusy {
    /// Hold it. AWS would start one more environment; a laptop has fewer.
    Wait,
    /// Refuse it: a reached concurrency limit.
    Refuse,
}

/// All functions, and who ends them.
#[derive(Debug)]
pub struct Functions {
    by_name: BTreeMap<String, Arc<Function>>,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl Functions {
    /// `runtime_api` is where the processes will ask for work: `http://127.0.0.1:port`.
    pub(crate) fn new(specs: Vec<FunctionSpec>, runtime_api: &str, seed: u64) -> Self {
        let (stopping, tasks) = (CancellationToken::new(), TaskTracker::new());
        let by_name = specs
            .into_iter()
            .map(|spec| {
                let host =
                    Host { runtime_api: runtime_api.to_owned(), stopping: stopping.clone(), tasks: tasks.clone() };
                (spec.name.clone(), Arc::new(Function::new(spec, host, seed)))
            })
            .collect();
        Self { by_name, stopping, tasks }
    }

    /// Starts the environments that are to be warm from the beginning.
    pub(crate) fn warm_up(&self) {
        self.by_name.values().for_each(|function| function.keep_warm());
    }

    pub fn get(&self, name: &str) -> Option<&Arc<Function>> {
        self.by_name.get(name)
    }

    /// Every process of every function.
    pub fn pids(&self) -> Vec<u32> {
        self.by_name.values().flat_map(|function| function.pids()).collect()
    }

    /// Ends all processes, without waiting for it. What is under way fails.
    pub(crate) fn abandon(&self) {
        self.stopping.cancel();
        self.by_name.values().for_each(|function| function.refuse_all());
    }

    /// Ends all processes and waits for it.
    pub(crate) async fn stop(&self) {
        self.abandon();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) runtime_api: String,
    pub(crate) stopping: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

pub struct Function {
    pub(crate) spec: FunctionSpec,
    pub(crate) host: Host,
    names: Names,
    pool: Mutex<Pool>,
    started: AtomicU64,
}

/// What a process's first answer cost, in the words of Lambda's REPORT line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColdStart {
    /// From the process's start until it asked for work.
    pub init_duration: Duration,
    /// From its first event to the answer.
    pub duration: Duration,
}

/// Names a process of a function; never used twice.
pub(crate) type EnvironmentId = u64;

#[derive(Default)]
struct Pool {
    environments: BTreeMap<EnvironmentId, Phase>,
    pids: BTreeMap<EnvironmentId, u32>,
    waiting: VecDeque<Job>,
    stopped: bool,
    /// Of environments that have not answered yet.
    init_durations: BTreeMap<EnvironmentId, Duration>,
    cold_starts: Vec<ColdStart>,
}

enum Phase {
    /// Has not asked for work yet.
    Starting {
        since: Instant,
    },
    /// Will not ask for work.
    Broken,
    /// Asks for work.
    Idle {
        since: Instant,
        next: oneshot::Sender<Assignment>,
    },
    Busy(Running),
    /// Has answered, and has not asked for more.
    Finishing,
}

struct Job {
    event: Bytes,
    done: Done,
}

type Done = Box<dyn FnOnce(InvokeResult) + Send>;

struct Running {
    request_id: String,
    since: Instant,
    deadline: Instant,
    done: Done,
}

/// What an environment gets when it asks for work.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) request_id: String,
    pub(crate) deadline_ms: u64,
    pub(crate) event: Bytes,
}

/// What the service has to do once the pool is unlocked again.
#[must_use]
#[derive(Default)]
struct Todo {
    start: Option<EnvironmentId>,
    finish: Option<(Done, InvokeResult)>,
}

impl Function {
    fn new(spec: FunctionSpec, host: Host, seed: u64) -> Self {
        Self { spec, host, names: Names::new(seed), pool: Mutex::default(), started: AtomicU64::new(0) }
    }

    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Invokes and waits for the answer.
    pub async fn invoke(self: &Arc<Self>, event: impl Into<Bytes>, when_busy: WhenBusy) -> InvokeResult {
        let (answer, answered) = oneshot::channel();
        self.submit(event.into(), when_busy, move |result| {
            // Whoever asked may have stopped waiting.
            let _ = answer.send(result);
        });
        answered.await.unwrap_or(Err(InvokeError::Stopping))
    }

    /// Invokes without waiting; `done` is called once, from wherever the answer arrives.
    pub fn submit(
        self: &Arc<Self>,
        event: Bytes,
        when_busy: WhenBusy,
        done: impl FnOnce(InvokeResult) + Send + 'static,
    ) {
        let todo = self.enter(Job { event, done: Box::new(done) }, when_busy);
        self.carry_out(todo);
    }

    /// How many processes there are.
    pub fn environments(&self) -> usize {
        self.lock().environments.len()
    }

    /// The processes, the oldest first.
    pub fn pids(&self) -> Vec<u32> {
        self.lock().pids.values().copied().collect()
    }

    /// What the first answers of its processes took so far.
    pub fn cold_starts(&self) -> Vec<ColdStart> {
        self.lock().cold_starts.clone()
    }

    fn enter(&self, job: Job, when_busy: WhenBusy) -> Todo {
        let mut pool = self.lock();
        if pool.stopped {
            return Todo::refusing(job, InvokeError::Stopping);
        }
        let Some(job) = self.hand_over(&mut pool, job) else { return Todo::default() };
        let full = pool.environments.len() >= self.spec.limit;
        if (full && when_busy == WhenBusy::Refuse) || pool.waiting.len() >= LONGEST_QUEUE {
            return Todo::refusing(job, InvokeError::Throttled);
        }
        pool.waiting.push_back(job);
        Todo { start: self.one_for_the_queue(&mut pool), finish: None }
    }

    /// Gives the job to the environment that has rested longest, so that successive events meet different
    /// processes; returns it if there is none.
    fn hand_over(&self, pool: &mut Pool, mut job: Job) -> Option<Job> {
        while let Some(id) = pool.rested_longest() {
            let Some(Phase::Idle { next, .. }) = pool.environments.insert(id, Phase::Finishing) else { break };
            let (assignment, running) = self.assign(job);
            match next.send(assignment) {
                Ok(()) => {
                    pool.environments.insert(id, Phase::Busy(running));
                    return None;
                }
                // Its connection is gone; whoever watches the process will find out why.
                Err(assignment) => job = Job { event: assignment.event, done: running.done },
            }
        }
        Some(job)
    }

    fn assign(&self, job: Job) -> (Assignment, Running) {
        let request_id = self.names.long();
        let timeout_ms = u64::try_from(self.spec.timeout.as_millis()).unwrap_or(u64::MAX);
        let since = Instant::now();
        let deadline_ms = unix_ms().saturating_add(timeout_ms);
        let running =
            Running { request_id: request_id.clone(), since, deadline: since + self.spec.timeout, done: job.done };
        (Assignment { request_id, deadline_ms, event: job.event }, running)
    }

    /// Another environment, if more jobs wait than environments are being started.
    fn one_for_the_queue(&self, pool: &mut Pool) -> Option<EnvironmentId> {
        let starting = pool.environments.values().filter(|phase| matches!(phase, Phase::Starting { .. })).count();
        (starting < pool.waiting.len()).then(|| self.one_more(pool)).flatten()
    }

    fn one_to_keep_warm(&self, pool: &mut Pool) -> Option<EnvironmentId> {
        (pool.environments.len() < self.spec.warm).then(|| self.one_more(pool)).flatten()
    }

    fn one_more(&self, pool: &mut Pool) -> Option<EnvironmentId> {
        let possible = pool.environments.len() < self.spec.limit && !pool.stopped;
        possible.then(|| {
            let id = self.started.fetch_add(1, Ordering::Relaxed);
            pool.environments.insert(id, Phase::Starting { since: Instant::now() });
            id
        })
    }

    fn carry_out(self: &Arc<Self>, todo: Todo) {
        if let Some(id) = todo.start {
            self.host.tasks.spawn(environment::run(Arc::clone(self), id));
        }
        if let Some((done, result)) = todo.finish {
            done(result);
        }
    }

    fn keep_warm(self: &Arc<Self>) {
        for _ in 0..self.spec.warm {
            let start = self.one_to_keep_warm(&mut self.lock());
            self.carry_out(Todo { start, finish: None });
        }
    }

    fn refuse_all(&self) {
        let waiting = {
            let mut pool = self.lock();
            pool.stopped = true;
            std::mem::take(&mut pool.waiting)
        };
        waiting.into_iter().for_each(|job| (job.done)(Err(InvokeError::Stopping)));
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the Runtime API and the watcher of a process report.
impl Function {
    /// The environment's process runs.
    pub(crate) fn runs(&self, id: EnvironmentId, pid: Option<u32>) {
        self.lock().pids.extend(pid.map(|pid| (id, pid)));
    }

    /// The environment asks for work: now, or when there is some. `None`: it may not ask, it has not answered yet.
    pub(crate) fn next(&self, id: EnvironmentId) -> Option<oneshot::Receiver<Assignment>> {
        let (next, assigned) = oneshot::channel();
        let mut pool = self.lock();
        match pool.environments.get(&id) {
            None | Some(Phase::Busy(_) | Phase::Broken) => return None,
            Some(Phase::Starting { since }) => {
                let init_duration = since.elapsed();
                pool.init_durations.insert(id, init_duration);
            }
            Some(Phase::Idle { .. } | Phase::Finishing) => {}
        }
        pool.environments.insert(id, Phase::Idle { since: Instant::now(), next });
        if let Some(job) = pool.waiting.pop_front()
            && let Some(job) = self.hand_over(&mut pool, job)
        {
            pool.waiting.push_front(job);
        }
        Some(assigned)
    }

    /// The environment has a result for this request. False if it does not work on it (any more).
    pub(crate) fn answered(&self, id: EnvironmentId, request_id: &str, result: InvokeResult) -> bool {
        let running = {
            let mut pool = self.lock();
            if !pool.environments.get(&id).is_some_and(|phase| phase.works_on(request_id)) {
                return false;
            }
            let Some(Phase::Busy(running)) = pool.environments.insert(id, Phase::Finishing) else { return false };
            if let Some(init_duration) = pool.init_durations.remove(&id) {
                pool.cold_starts.push(ColdStart { init_duration, duration: running.since.elapsed() });
            }
            running
        };
        (running.done)(result);
        true
    }

    /// The process gave up before it asked for work: whoever waits longest is told so.
    pub(crate) fn init_failed(&self, id: EnvironmentId, error: InvokeError) {
        let job = {
            let mut pool = self.lock();
            match pool.environments.get_mut(&id) {
                Some(phase @ Phase::Starting { .. }) => *phase = Phase::Broken,
                _ => return,
            }
            pool.waiting.pop_front()
        };
        if let Some(job) = job {
            (job.done)(Err(error));
        }
    }

    /// The process has ended. What it worked on fails with `error`, given the request's id.
    pub(crate) fn ended(self: &Arc<Self>, id: EnvironmentId, error: impl FnOnce(&str) -> InvokeError) {
        let (phase, start) = {
            let mut pool = self.lock();
            let phase = pool.environments.remove(&id);
            pool.init_durations.remove(&id);
            pool.pids.remove(&id);
            let start = self.one_for_the_queue(&mut pool).or_else(|| match phase {
                // Its successor would fare no better. It is tried again when somebody calls.
                Some(Phase::Broken) => None,
                _ => self.one_to_keep_warm(&mut pool),
            });
            (phase, start)
        };
        let finish = match phase {
            Some(Phase::Busy(running)) => {
                let result = Err(error(&running.request_id));
                Some((running.done, result))
            }
            _ => None,
        };
        self.carry_out(Todo { start, finish });
    }

    /// When the invocation that this environment works on is due.
    pub(crate) fn due(&self, id: EnvironmentId) -> Option<Instant> {
        match self.lock().environments.get(&id) {
            Some(Phase::Busy(running)) => Some(running.deadline),
            _ => None,
        }
    }

    pub(crate) fn is_starting(&self, id: EnvironmentId) -> bool {
        matches!(self.lock().environments.get(&id), Some(Phase::Starting { .. }))
    }
}

impl Pool {
    fn rested_longest(&self) -> Option<EnvironmentId> {
        let idle = self.environments.iter().filter_map(|(id, phase)| match phase {
            Phase::Idle { since, .. } => Some((*since, *id)),
            _ => None,
        });
        idle.min().map(|(_, id)| id)
    }
}

impl Phase {
    fn works_on(&self, request_id: &str) -> bool {
        matches!(self, Self::Busy(running) if running.request_id == request_id)
    }
}

impl Todo {
    fn refusing(job: Job, error: InvokeError) -> Self {
        Self { start: None, finish: Some((job.done, Err(error))) }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("spec", &self.spec).finish_non_exhaustive()
    }
}
