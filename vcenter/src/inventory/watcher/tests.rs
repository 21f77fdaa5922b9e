//! The machine stepped by hand, and the loop under paused time, against a source that answers from a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::*;
use crate::collector;
use crate::inventory::{Kind, Store, VirtualMachine, store};
use crate::soap::Fault;
use crate::vim::{MoRef, Object, Value};

/// What the script says next, and what was asked.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    answers: VecDeque<Answer>,
    asked: Vec<String>,
    more: Arc<tokio::sync::Notify>,
}

enum Answer {
    Open(Result<()>),
    Wait(Result<Option<UpdateSet>>),
}

impl Script {
    fn open(self, answer: Result<()>) -> Self {
        self.0.lock().unwrap().answers.push_back(Answer::Open(answer));
        self
    }

    fn wait(self, answer: Result<Option<UpdateSet>>) -> Self {
        self.0.lock().unwrap().answers.push_back(Answer::Wait(answer));
        self
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    /// The next answer, as soon as there is one.
    async fn next(&self, asked: String) -> Answer {
        let more = {
            let mut inner = self.0.lock().unwrap();
            inner.asked.push(asked);
            inner.more.clone()
        };
        loop {
            if let Some(answer) = self.0.lock().unwrap().answers.pop_front() {
                return answer;
            }
            more.notified().await;
        }
    }

    /// Goes on with what has been added.
    fn go_on(&self) {
        self.0.lock().unwrap().more.notify_one();
    }
}

impl Source for Script {
    type Watch = u32;

    async fn open(&mut self) -> Result<u32> {
        match self.next("open".to_owned()).await {
            Answer::Open(answer) => answer.map(|()| 1),
            Answer::Wait(_) => panic!("opened where a wait was expected"),
        }
    }

    async fn wait(&mut self, _: &u32, version: &str, patience: Patience) -> Result<Option<UpdateSet>> {
        let how = if patience == Patience::Wait { "wait" } else { "look" };
        match self.next(format!("{how} '{version}'")).await {
            Answer::Wait(answer) => answer,
            Answer::Open(_) => panic!("waited where an opening was expected"),
        }
    }

    async fn read(&mut self, objects: &[EntityRef]) -> Result<Vec<Event>> {
        let names: Vec<&str> = objects.iter().map(EntityRef::moid).collect();
        self.0.lock().unwrap().asked.push(format!("read {}", names.join(" ")));
        // What the script calls lost is gone; everything else is there and has itself for a name.
        Ok(objects
            .iter()
            .map(|object| match object.moid().starts_with("lost") {
                true => Event::Delete(object.clone()),
                false => Event::Apply(ObjectUpdate::new(
                    object.clone(),
                    true,
                    vec![("name".into(), Some(object.moid().into()))],
                )),
            })
            .collect())
    }

    async fn close(&mut self, _: u32) {
        self.0.lock().unwrap().asked.push("close".to_owned());
    }

    fn abandon(&mut self, _: u32) {
        self.0.lock().unwrap().asked.push("abandon".to_owned());
    }

    fn restart(&mut self) {
        self.0.lock().unwrap().asked.push("restart".to_owned());
    }

    fn learn(&mut self, error: &Error) {
        if error.is("InvalidProperty") {
            self.0.lock().unwrap().asked.push("learn".to_owned());
        }
    }
}

fn vm(id: &str, kind: UpdateKind, name: &str) -> collector::ObjectUpdate {
    let properties =
        if kind == UpdateKind::Leave { Vec::new() } else { vec![("name".into(), Some(Value::from(name)))] };
    collector::ObjectUpdate {
        reference: MoRef::new("VirtualMachine", id),
        kind,
        properties,
        missing: Vec::new(),
    }
}

fn set(version: &str, truncated: bool, objects: Vec<collector::ObjectUpdate>) -> Result<Option<UpdateSet>> {
    Ok(Some(UpdateSet { version: version.to_owned(), truncated, objects }))
}

fn fault<T>(kind: &str) -> Result<T> {
    Err(Fault::new("", Object::new(kind)).into())
}

fn lost<T>() -> Result<T> {
    Err(Error::Transport { endpoint: "vc:443".to_owned(), reason: "reset".to_owned(), sent: true })
}

fn watching(version: &str) -> State<u32> {
    State::Watching { watch: 1, version: version.to_owned() }
}

fn place(state: &State<u32>) -> String {
    match state {
        State::Empty => "Empty".to_owned(),
        State::InitPages { version, .. } => format!("InitPages '{version}'"),
        State::Watching { version, .. } => format!("Watching '{version}'"),
    }
}

#[tokio::test]
async fn a_load_takes_as_many_pages_as_it_needs() {
    let mut script = Script::default()
        .open(Ok(()))
        .wait(set("1", true, vec![vm("vm-1", UpdateKind::Enter, "a")]))
        .wait(set("2", false, vec![vm("vm-2", UpdateKind::Enter, "b")]));
    let opened = step(State::Empty, &mut script, Patience::Wait).await;
    assert_eq!(place(&opened.state), "InitPages ''");
    assert!(opened.events.is_empty());

    let first = step(opened.state, &mut script, Patience::Wait).await;
    assert_eq!(place(&first.state), "InitPages '1'");
    assert!(matches!(first.events[..], [Event::Init, Event::InitApply(_)]));

    let last = step(first.state, &mut script, Patience::Wait).await;
    assert_eq!(place(&last.state), "Watching '2'");
    assert!(matches!(last.events[..], [Event::InitApply(_), Event::InitDone]));
    assert_eq!(script.asked(), ["open", "wait ''", "wait '1'"]);
}

#[tokio::test]
async fn changes_are_told_in_order() {
    let mut script = Script::default().wait(set(
        "8",
        true,
        vec![
            vm("vm-1", UpdateKind::Modify, "c"),
            vm("vm-2", UpdateKind::Leave, ""),
            vm("vm-3", UpdateKind::Enter, "d"),
        ],
    ));
    let told = step(watching("7"), &mut script, Patience::Wait).await;
    assert_eq!(place(&told.state), "Watching '8'");
    let [Event::Apply(changed), Event::Delete(gone), Event::Apply(new)] = &told.events[..] else {
        panic!("{:?}", told.events)
    };
    assert!(!changed.whole && new.whole);
    assert_eq!(gone.moid(), "vm-2");
}

#[tokio::test]
async fn each_failure_has_its_place_to_fall_back_to() {
    for (failure, from_init, from_watching, asked) in [
        (lost(), "InitPages '5'", "Watching '5'", vec![]),
        (fault("RequestCanceled"), "InitPages '5'", "Watching '5'", vec![]),
        (fault("InvalidCollectorVersion"), "Empty", "Empty", vec!["close"]),
        (fault("ManagedObjectNotFound"), "Empty", "Empty", vec!["close"]),
        // The watch has died with its session: there is nothing to close.
        (fault("NotAuthenticated"), "Empty", "Empty", vec![]),
        (fault("InvalidProperty"), "Empty", "Empty", vec!["learn", "close"]),
        (fault("NoPermission"), "Empty", "Empty", vec!["close"]),
    ] {
        let mut script = Script::default().wait(failure.clone()).wait(failure.clone());
        let init = State::InitPages { watch: 1, version: "5".to_owned() };
        for (state, expected) in [(init, from_init), (watching("5"), from_watching)] {
            let fallen = step(state, &mut script, Patience::Wait).await;
            assert_eq!(place(&fallen.state), expected, "after {:?}", fallen.failure);
            assert!(fallen.failure.is_some() && fallen.events.is_empty());
            assert_eq!(script.asked()[1..], asked);
        }
    }
}

#[tokio::test]
async fn without_numbers_a_lost_answer_cannot_be_had_again() {
    let mut script = Script::default().wait(lost()).wait(lost());
    let fallen = step(watching("-"), &mut script, Patience::Wait).await;
    assert_eq!(place(&fallen.state), "Empty");
    let beginning = State::InitPages { watch: 1, version: String::new() };
    let held = step(beginning, &mut script, Patience::Wait).await;
    assert_eq!(place(&held.state), "InitPages ''");
    assert_eq!(script.asked(), ["wait '-'", "abandon", "wait ''"]);
}

#[tokio::test]
async fn an_answer_without_changes_stays() {
    let mut script = Script::default().wait(Ok(None));
    let step = step(watching("7"), &mut script, Patience::Wait).await;
    assert_eq!(place(&step.state), "Watching '7'");
    assert!(step.failure.is_none() && step.events.is_empty());
}

/// Runs the loop, and gives it time to come to where the script ends.
async fn play(script: Script) -> (Store, mpsc::Sender<Command>) {
    let (writer, store) = store();
    let (commands, receiver) = mpsc::channel(4);
    tokio::spawn(run(script, writer, receiver));
    tokio::time::sleep(Duration::from_secs(600)).await;
    (store, commands)
}

fn names(store: &Store) -> Vec<String> {
    store.read().names(Kind::VirtualMachine)
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_goes_on_where_it_was() {
    let script = Script::default()
        .open(lost())
        .open(lost())
        .open(Ok(()))
        .wait(set("1", true, vec![vm("vm-1", UpdateKind::Enter, "a")]))
        .wait(lost())
        .wait(set("2", false, vec![vm("vm-2", UpdateKind::Enter, "b")]))
        .wait(lost())
        .wait(set("3", false, vec![vm("vm-1", UpdateKind::Modify, "c")]));
    let (store, _commands) = play(script.clone()).await;
    assert_eq!(names(&store), ["b", "c"]);
    assert_eq!(
        script.asked(),
        ["open", "open", "open", "wait ''", "wait '1'", "look '1'", "wait '2'", "look '2'", "wait '3'"]
    );
    assert!(store.status().live);
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_while_nobody_watched_is_gone() {
    let script = Script::default()
        .open(Ok(()))
        .wait(set("1", false, vec![vm("vm-1", UpdateKind::Enter, "a"), vm("vm-2", UpdateKind::Enter, "b")]))
        .wait(fault("NotAuthenticated"))
        .open(Ok(()))
        .wait(set("1", true, vec![vm("vm-2", UpdateKind::Enter, "b")]));
    let (writer, store) = store();
    let (_commands, receiver) = mpsc::channel(4);
    let mut changes = store.subscribe();
    tokio::spawn(run(script.clone(), writer, receiver));
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(names(&store), ["a", "b"], "a load that is not complete is not seen");
    assert!(store.is_ready() && !store.status().live);
    assert_eq!(changes.recv().await.unwrap().changes.len(), 2);

    // The same again, to its end.
    let script = Script::default()
        .open(Ok(()))
        .wait(set("1", false, vec![vm("vm-1", UpdateKind::Enter, "a"), vm("vm-2", UpdateKind::Enter, "b")]))
        .wait(fault("InvalidCollectorVersion"))
        .open(Ok(()))
        .wait(set("1", true, vec![vm("vm-2", UpdateKind::Enter, "b")]))
        .wait(set("2", false, vec![vm("vm-3", UpdateKind::Enter, "c")]));
    let (store, _commands) = play(script).await;
    assert_eq!(names(&store), ["b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_vcenter_that_stays_away_is_asked_less_and_less_often() {
    let script = (0..100).fold(Script::default(), |script, _| script.open(lost()));
    let (writer, store) = store();
    let (_commands, receiver) = mpsc::channel(4);
    tokio::spawn(run(script.clone(), writer, receiver));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let asked = script.asked().len();
    assert!((12..=32).contains(&asked), "asked {asked} times in a minute");
    assert!(!store.is_ready());
    assert!(!store.wait_until_ready(Duration::from_secs(1)).await);
}

#[tokio::test(start_paused = true)]
async fn what_is_read_directly_is_applied_while_a_wait_goes_on() {
    let script =
        Script::default().open(Ok(())).wait(set("1", false, vec![vm("vm-1", UpdateKind::Enter, "a")]));
    let (store, commands) = play(script).await;
    let reference = EntityRef::new(Kind::VirtualMachine, "vm-1");
    let properties = vec![("runtime.powerState".into(), Some("poweredOn".into()))];
    let update = ObjectUpdate::new(reference.clone(), false, properties);
    let (done, applied) = oneshot::channel();
    commands.send(Command::Apply(vec![Event::Apply(update)], done)).await.unwrap();
    applied.await.unwrap();
    let inventory = store.read();
    let vm: &VirtualMachine = inventory.entity(&reference).unwrap();
    assert_eq!(vm.power_state.unwrap().as_str(), "poweredOn");
    assert_eq!(&*vm.name, "a");
}

#[tokio::test(start_paused = true)]
async fn the_age_says_when_the_vcenter_was_last_heard_of() {
    let script = Script::default().open(Ok(())).wait(set("1", false, Vec::new())).wait(lost());
    let script = (0..30).fold(script, |script, _| script.wait(lost()));
    let (store, _commands) = play(script).await;
    assert!(store.age().unwrap() >= Duration::from_secs(599));
    assert!(!store.status().live);
}

#[tokio::test(start_paused = true)]
async fn what_the_vcenter_does_not_tell_is_read() {
    let object =
        |kind: &str, id: &str, update: UpdateKind, properties: Vec<(&str, Value)>| collector::ObjectUpdate {
            reference: MoRef::new(kind, id),
            kind: update,
            properties: properties.into_iter().map(|(path, value)| (path.into(), Some(value))).collect(),
            missing: Vec::new(),
        };
    let inside = |id: &str| vec![("parent", Value::from(MoRef::new("Folder", id)))];
    let folder = || Value::from(MoRef::new("Folder", "folder-1"));
    use UpdateKind::{Enter, Leave, Modify};
    let script = Script::default()
        .open(Ok(()))
        .wait(set(
            "1",
            false,
            vec![
                object("Folder", "lost-1", Enter, vec![]),
                object("Folder", "f-2", Enter, inside("lost-1")),
                object("VirtualMachine", "vm-3", Enter, inside("f-2")),
                object("VirtualMachine", "vm-4", Enter, vec![]),
            ],
        ))
        // Nothing is open after this.
        .wait(set("2", false, vec![object("VirtualMachine", "vm-4", Modify, vec![("name", "four".into())])]))
        .wait(set("3", false, vec![object("Datacenter", "dc-5", Enter, vec![("vmFolder", folder())])]))
        .wait(set("4", false, vec![object("VirtualMachine", "vm-6", Modify, vec![])]))
        .wait(set("5", false, vec![object("Folder", "lost-1", Leave, vec![])]));
    let (store, _commands) = play(script.clone()).await;
    let asked = script.asked();
    let read: Vec<&String> = asked.iter().filter(|asked| asked.starts_with("read")).collect();
    assert_eq!(read, ["read folder-1", "read vm-6", "read lost-1"]);
    assert_eq!(names(&store), ["four", "vm-6"]);
    let folders: Vec<String> = store.read().all_of(Kind::Folder).map(|it| it.name().to_owned()).collect();
    assert_eq!(folders, ["folder-1"]);
}

#[tokio::test(start_paused = true)]
async fn when_the_watcher_ends_the_inventory_is_not_live() {
    let script =
        Script::default().open(Ok(())).wait(set("1", false, vec![vm("vm-1", UpdateKind::Enter, "a")]));
    let (writer, store) = store();
    let (_commands, receiver) = mpsc::channel(4);
    let running = tokio::spawn(run(script, writer, receiver));
    assert!(store.wait_until_live(Duration::from_secs(10)).await);
    running.abort();
    assert!(running.await.is_err());
    assert!(store.is_ready() && !store.status().live);
    assert_eq!(names(&store), ["a"], "what was known stays readable");
}

/// A load on demand takes a new watch; those who ask while one is under way share the next.
#[tokio::test(start_paused = true)]
async fn everything_is_loaded_anew_for_who_asks() {
    let load = |script: Script, name: &str| {
        script.open(Ok(())).wait(set("1", false, vec![vm("vm-1", UpdateKind::Enter, name)]))
    };
    let script = load(Script::default(), "a");
    let (store, commands) = play(script.clone()).await;
    assert_eq!(script.asked(), ["open", "wait ''", "wait '1'"]);

    let ask = || {
        let (done, loaded) = oneshot::channel();
        commands.try_send(Command::Reload(done)).unwrap();
        loaded
    };
    // The second and the third come while the first load waits for its answer.
    let mut first = ask();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(script.asked(), ["restart", "open"]);
    let (mut second, mut third) = (ask(), ask());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(script.asked().is_empty() && first.try_recv().is_err() && second.try_recv().is_err());
    assert_eq!(names(&store), ["a"], "what was known stays until then");

    load(script.clone(), "b").go_on();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((names(&store), first.try_recv().is_ok()), (vec!["b".to_owned()], true));
    assert_eq!(script.asked(), ["wait ''", "restart", "open"]);
    load(script.clone(), "c").go_on();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(second.try_recv().is_ok() && third.try_recv().is_ok());
    assert_eq!(names(&store), ["c"]);
    assert_eq!(script.asked(), ["wait ''", "wait '1'"]);
}
