//! Follows the vCenter's inventory and tells the store: a state machine, and the loop that drives it.
//!
//! Recovery is not a retry around a call but the state that is fallen back to; each state's doc says which fault leads
//! where. How long to wait between failures is the loop's business, so the machine can be stepped by hand.

use std::future::Future;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::gaps::{Gaps, orphans};
use super::kind::EntityRef;
use super::store::{Event, ObjectUpdate, Writer};
use crate::collector::{UpdateKind, UpdateSet};
use crate::error::{Error, Recovery, Result};

/// The pause after the first failure; it doubles with each one that follows, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause: how late a vCenter that has come back may be noticed.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Where updates come from.
pub(crate) trait Source: Send {
    /// What the vCenter holds for us: a collector, with a view and a filter.
    type Watch: Send + Sync;

    /// Sets a watch up.
    fn open(&mut self) -> impl Future<Output = Result<Self::Watch>> + Send;

    /// Waits for what has changed since a version; from the beginning if that is empty. None: nothing for a while, or not
    /// even now, if only a look is asked for.
    fn wait(
        &mut self,
        watch: &Self::Watch,
        version: &str,
        patience: Patience,
    ) -> impl Future<Output = Result<Option<UpdateSet>>> + Send;

    /// Gives a watch up, so that the vCenter need not keep it to the session's end.
    fn close(&mut self, watch: Self::Watch) -> impl Future<Output = ()> + Send;

    /// Gives a watch up that cannot be asked now; the vCenter is told when it can.
    fn abandon(&mut self, watch: Self::Watch);

    /// Gives the present watch up, whatever it is doing: nobody waits for it any more.
    fn restart(&mut self);

    /// Reads objects directly: each as it is, or that it is gone.
    fn read(&mut self, objects: &[EntityRef]) -> impl Future<Output = Result<Vec<Event>>> + Send;

    /// Learns from a failure, such as that a property is not known to this server.
    fn learn(&mut self, error: &Error);
}

/// How long to wait for something to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As long as there may be nothing.
    Wait,
    /// Not at all: a look, to know soon that the vCenter is there again.
    Look,
}

/// Where the watcher stands.
#[derive(Debug)]
pub(crate) enum State<W> {
    /// The vCenter holds nothing for us. The next step sets up a watch, after a login if there is none, and leads to
    /// `InitPages`. Any failure, a vCenter that is down included, leaves it here.
    Empty,
    /// A watch is set up, and a load has got as far as `version`; not begun if that is empty. The next step takes the next
    /// part: a truncated one stays here, the last one leads to `Watching`.
    ///
    /// * The connection is lost, or the answer does not come: stays, with the version, since the vCenter repeats its last
    ///   answer; without one the load begins again. A server that does not number its versions, as govmomi's simulator, cannot
    ///   repeat: to `Empty`.
    /// * `InvalidCollectorVersion`, or the collector is not there (`ManagedObjectNotFound`): to `Empty`.
    /// * `NotAuthenticated`: to `Empty`, since views and filters die with their session. The login is the session's work.
    /// * Any other fault: to `Empty`, with what the source has learnt of it.
    InitPages {
        /// The watch.
        watch: W,
        /// How far the load has come.
        version: String,
    },
    /// Everything has been loaded, and changes after `version` are waited for. An answer, also one without changes, stays
    /// here. Faults lead where they do from `InitPages`; after a lost connection the wait goes on with the version held.
    Watching {
        /// The watch.
        watch: W,
        /// What has been seen.
        version: String,
    },
}

/// What a step has brought.
#[derive(Debug)]
pub(crate) struct Step<W> {
    /// Where the machine stands now.
    pub state: State<W>,
    /// What to tell the store.
    pub events: Vec<Event>,
    /// Why the step got no further, if it did not.
    pub failure: Option<Error>,
}

/// Takes one step: asks the source one thing.
pub(crate) async fn step<S: Source>(
    state: State<S::Watch>,
    source: &mut S,
    patience: Patience,
) -> Step<S::Watch> {
    match state {
        State::Empty => match source.open().await {
            Ok(watch) => Step::to(State::InitPages { watch, version: String::new() }),
            Err(error) => {
                source.learn(&error);
                Step { state: State::Empty, events: Vec::new(), failure: Some(error) }
            }
        },
        State::InitPages { watch, version } => match source.wait(&watch, &version, patience).await {
            Ok(answer) => {
                let mut events = Vec::new();
                if version.is_empty() {
                    events.push(Event::Init);
                }
                // No answer at all while loading says that there is no more to load.
                let UpdateSet { version, truncated, objects } =
                    answer.unwrap_or(UpdateSet { version, ..UpdateSet::default() });
                events.extend(objects.into_iter().filter_map(|update| event(update, true)));
                if truncated {
                    return Step { state: State::InitPages { watch, version }, events, failure: None };
                }
                events.push(Event::InitDone);
                Step { state: State::Watching { watch, version }, events, failure: None }
            }
            Err(error) => fall(source, error, watch, version, true).await,
        },
        State::Watching { watch, version } => match source.wait(&watch, &version, patience).await {
            Ok(None) => Step::to(State::Watching { watch, version }),
            Ok(Some(set)) => Step {
                state: State::Watching { watch, version: set.version },
                events: set.objects.into_iter().filter_map(|update| event(update, false)).collect(),
                failure: None,
            },
            Err(error) => fall(source, error, watch, version, false).await,
        },
    }
}

impl<W> Step<W> {
    fn to(state: State<W>) -> Self {
        Step { state, events: Vec::new(), failure: None }
    }
}

/// Where a failed wait leads: the one place in which errors choose states.
async fn fall<S: Source>(
    source: &mut S,
    error: Error,
    watch: S::Watch,
    version: String,
    loading: bool,
) -> Step<S::Watch> {
    source.learn(&error);
    let state = match error.recovery() {
        Recovery::Retry if !is_repeatable(&version) => {
            source.abandon(watch);
            State::Empty
        }
        // Somebody has cancelled the wait, or the session is about to end; the next wait will tell.
        recovery if recovery == Recovery::Retry || error.is("RequestCanceled") => match loading {
            true => State::InitPages { watch, version },
            false => State::Watching { watch, version },
        },
        Recovery::Relogin => State::Empty,
        _ => {
            source.close(watch).await;
            State::Empty
        }
    };
    Step { state, events: Vec::new(), failure: Some(error) }
}

/// Whether the answer that leads on from a version can be asked for twice.
fn is_repeatable(version: &str) -> bool {
    version.is_empty() || version.contains(|c: char| c.is_ascii_digit())
}

fn event(update: crate::collector::ObjectUpdate, loading: bool) -> Option<Event> {
    let reference = EntityRef::from_moref(&update.reference)?;
    if update.kind == UpdateKind::Leave {
        return Some(Event::Delete(reference));
    }
    let whole = update.kind == UpdateKind::Enter;
    let update = ObjectUpdate::new(reference, whole, update.properties).without(&update.missing);
    Some(if loading { Event::InitApply(update) } else { Event::Apply(update) })
}

/// What others ask of the watcher, which alone holds the writer.
#[derive(Debug)]
pub(crate) enum Command {
    /// Apply what has been read by other means, and say when that is done.
    Apply(Vec<Event>, oneshot::Sender<()>),
    /// Load everything anew, and say when that is done.
    Reload(oneshot::Sender<()>),
}

/// Those who want everything loaded anew. A load serves those who have asked before it began; who comes later waits for the
/// next, so that however many ask, no load is ever broken off for one of them.
#[derive(Default)]
struct Reloads {
    served: Vec<oneshot::Sender<()>>,
    next: Vec<oneshot::Sender<()>>,
}

impl Reloads {
    fn wanted(&self) -> bool {
        !self.next.is_empty()
    }

    /// A load begins.
    fn begin(&mut self) {
        self.served.append(&mut self.next);
    }

    /// The load that was under way is complete.
    fn done(&mut self) {
        for served in self.served.drain(..) {
            // Whoever asked may have stopped waiting.
            let _ = served.send(());
        }
    }
}

/// Drives the machine for as long as it is polled, and does what others ask meanwhile.
pub(crate) async fn run<S: Source>(mut source: S, mut writer: Writer, mut commands: mpsc::Receiver<Command>) {
    let mut state = State::Empty;
    let mut failures = 0;
    let mut reloads = Reloads::default();
    loop {
        // A load under way goes on; who wants another one waits for its end.
        let complete = matches!(state, State::Watching { .. });
        if complete && reloads.wanted() {
            source.restart();
            state = State::Empty;
            continue;
        }
        if matches!(state, State::Empty) {
            reloads.begin();
        }
        let step = {
            let patience = if failures == 0 { Patience::Wait } else { Patience::Look };
            let step = step(state, &mut source, patience);
            tokio::pin!(step);
            loop {
                tokio::select! {
                    step = &mut step => break Some(step),
                    Some(command) = commands.recv() => obey(command, &mut writer, &mut reloads),
                }
                if complete && reloads.wanted() {
                    break None;
                }
            }
        };
        let Some(step) = step else {
            source.restart();
            state = State::Empty;
            continue;
        };
        let loaded = step.events.last() == Some(&Event::InitDone);
        state = step.state;
        if !step.events.is_empty() {
            let gaps = Gaps::before(&writer.store().read(), &step.events);
            writer.apply(step.events);
            close(gaps, &mut source, &mut writer).await;
        }
        if loaded {
            reloads.done();
        }
        let Some(error) = step.failure else {
            failures = 0;
            writer.contact(matches!(state, State::Watching { .. }));
            continue;
        };
        writer.lost();
        let pause = pause(failures);
        failures += 1;
        report(&error, failures, pause);
        let pause = tokio::time::sleep(pause);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                Some(command) = commands.recv() => obey(command, &mut writer, &mut reloads),
            }
        }
    }
}

/// Reads what the events have left open. What cannot be read now stays open until the next load.
async fn close<S: Source>(gaps: Gaps, source: &mut S, writer: &mut Writer) {
    let open = gaps.open(&writer.store().read());
    if open.is_empty() {
        return;
    }
    tracing::debug!(?open, "the vCenter has not told everything, reading it");
    match source.read(&open).await {
        Ok(mut answers) => {
            let orphans = orphans(&writer.store().read(), &answers);
            answers.extend(orphans);
            writer.apply(answers);
        }
        Err(error) => tracing::debug!(%error, "cannot read it"),
    }
}

fn obey(command: Command, writer: &mut Writer, reloads: &mut Reloads) {
    match command {
        Command::Apply(events, done) => {
            writer.apply(events);
            // Whoever asked may have stopped waiting.
            let _ = done.send(());
        }
        Command::Reload(done) => reloads.next.push(done),
    }
}

/// Failures that heal themselves in one step are of no interest to anybody; those that go on are, now and then.
fn report(error: &Error, failures: u32, pause: Duration) {
    match error.recovery() {
        _ if !failures.is_power_of_two() => {
            tracing::debug!(%error, failures, ?pause, "cannot follow the inventory")
        }
        Recovery::Give => {
            tracing::warn!(%error, failures, ?pause, "cannot follow the inventory, trying again")
        }
        _ if failures == 1 => tracing::info!(%error, "lost the inventory's updates, taking them up again"),
        _ => tracing::warn!(%error, failures, ?pause, "still cannot follow the inventory"),
    }
}

/// Doubles with each failure, less up to a half by chance, so that many clients do not come back all at once.
fn pause(failures: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE);
    longest.mul_f64(0.5 + chance() / 2.0)
}

/// A number from 0 to 1 that differs from process to process and call to call; needs not be unpredictable.
fn chance() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let drawn = RandomState::new().hash_one(std::time::Instant::now());
    f64::from((drawn >> 32) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests;
