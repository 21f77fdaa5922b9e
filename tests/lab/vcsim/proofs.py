"""More of what prove.py proves: tasks, what functions change, privileges taken away, rules and counters."""
import time

from pyVmomi import vim, vmodl

PC = vmodl.query.PropertyCollector


def ended(task, seconds=10):
    end = time.time() + seconds
    while task.info.state not in ("success", "error") and time.time() < end:
        time.sleep(0.05)
    return task.info


def raised(call):
    try:
        call()
    except Exception as e:
        return type(e).__name__.rsplit(".", 1)[-1]
    return "nothing"


def machine(content, name):
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], True)
    return next(m for m in view.view if m.name == name)


def tasks(check, label, sim, login):
    si, other = login(), login()
    c, c2 = si.RetrieveContent(), other.RetrieveContent()
    vm = machine(c, "web-002")

    def slow(ms):
        sim.ctl("POST", "/faults", {"method": "PowerO*VM_Task", "kind": "slow_task", "ms": ms})
    slow(8000)
    t = vm.PowerOffVM_Task()
    t.CancelTask()
    info = ended(t)
    check(f"{label} CancelTask", info.state == "error" and isinstance(info.error, vmodl.fault.RequestCanceled)
          and vm.runtime.powerState == "poweredOn", info.error and info.error.msg)
    check(f"{label} CancelTask of one that is over", raised(t.CancelTask) == "InvalidState")

    # A task belongs to the vCenter, not to the session that has started it.
    slow(1500)
    seen = machine(c2, "web-002").PowerOffVM_Task()._moId
    c2.sessionManager.TerminateSession([c.sessionManager.currentSession.key])
    si = login()
    c = si.RetrieveContent()
    vm = machine(c, "web-002")
    slow(1500)
    t = vm.PowerOnVM_Task() if vm.runtime.powerState == "poweredOff" else None
    deadline = time.time() + 10
    while vm.runtime.powerState != "poweredOff" and time.time() < deadline:
        time.sleep(0.05)
    check(f"{label} a task outlives other sessions", vm.runtime.powerState == "poweredOff", seen)
    sim.ctl("DELETE", "/faults")
    if t is not None:
        ended(t)
    slow(1500)
    t = vm.PowerOnVM_Task()
    ref = t._moId
    key = c.sessionManager.currentSession.key
    watcher = login()
    watched = watcher.RetrieveContent()
    watched.sessionManager.TerminateSession([key])
    t = vim.Task(ref, watcher._stub)
    check(f"{label} a task outlives its own session", ended(t).state == "success", t.info.error and t.info.error.msg)
    c, si = watched, watcher
    vm = machine(c, "web-002")

    slow(1500)
    doomed = machine(c, "DC0_H0_VM0")
    t = doomed.PowerOnVM_Task()
    ended(doomed.Destroy_Task())
    info = ended(t)
    check(f"{label} an object deleted under its task", info.state == "error"
          and isinstance(info.error, vmodl.fault.ManagedObjectNotFound), info.error and info.error.msg)

    history = c.taskManager.CreateCollectorForTasks(vim.TaskFilterSpec(
        entity=vim.TaskFilterSpec.ByEntity(entity=vm, recursion="self")))
    infos = history.ReadNextTasks(100)
    check(f"{label} task history, the newest first", [i.descriptionId or i.name for i in infos]
          and all(i.entity == vm for i in infos) and infos[0].queueTime >= infos[-1].queueTime, len(infos))
    history.DestroyCollector()
    n = sim.ctl("POST", "/task/forget")["forgotten"]
    check(f"{label} forgotten tasks", n > 0 and raised(lambda: t.info) == "ManagedObjectNotFound", n)
    deeds = sim.ctl("GET", "/ledger")
    check(f"{label} the ledger", any(d["call"] == "PowerOnVM_Task" and d["outcome"] == "success" for d in deeds)
          and any(d["call"] == "Destroy_Task" for d in deeds), len(deeds))
    for session in (other, si):
        session.RetrieveContent().sessionManager.Logout()


def changes(check, label, sim, login):
    """What the functions that change something use: each call does what it says, read back afterwards."""
    si = login()
    c = si.RetrieveContent()
    dc = c.rootFolder.childEntity[0]
    vm = machine(c, "web-003")
    done = []

    def do(name, task, right):
        if isinstance(task, vim.Task):
            state = ended(task).state
            done.append((name, state == "success" and right()))
        else:
            done.append((name, right()))
    do("suspend", vm.SuspendVM_Task(), lambda: vm.runtime.powerState == "suspended")
    do("power on", vm.PowerOnVM_Task(), lambda: vm.runtime.powerState == "poweredOn")
    do("reset", vm.ResetVM_Task(), lambda: vm.runtime.powerState == "poweredOn")
    do("snapshot", vm.CreateSnapshot_Task("one", "first", False, False), lambda: vm.snapshot.rootSnapshotList[0].name == "one")
    do("snapshot of a snapshot", vm.CreateSnapshot_Task("two", "", False, False),
       lambda: vm.snapshot.rootSnapshotList[0].childSnapshotList[0].name == "two")
    one = vm.snapshot.rootSnapshotList[0].snapshot
    do("revert", one.RevertToSnapshot_Task(), lambda: vm.snapshot.currentSnapshot == one)
    do("remove a snapshot", one.RemoveSnapshot_Task(False), lambda: [s.name for s in vm.snapshot.rootSnapshotList] == ["two"])
    do("remove all snapshots", vm.RemoveAllSnapshots_Task(), lambda: vm.snapshot is None)
    do("rename", vm.Rename_Task("renamed"), lambda: vm.name == "renamed" and vm.summary.config.name == "renamed")
    do("reconfigure", vm.ReconfigVM_Task(vim.vm.ConfigSpec(annotation="noted", numCPUs=2)),
       lambda: vm.config.annotation == "noted" and vm.config.hardware.numCPU == 2)
    folder = dc.vmFolder.CreateFolder("web")
    do("create a folder", folder, lambda: folder in dc.vmFolder.childEntity)
    do("move into it", folder.MoveIntoFolder_Task([vm]), lambda: vm.parent == folder)
    do("rename it", folder.Rename_Task("www"), lambda: folder.name == "www")
    west = c.rootFolder.CreateDatacenter("west")
    do("create a datacenter", west, lambda: west.name == "west" and west.vmFolder.name == "vm")
    do("destroy it", west.Destroy_Task(), lambda: "west" not in [d.name for d in c.rootFolder.childEntity])
    do("power off", vm.PowerOffVM_Task(), lambda: vm.runtime.powerState == "poweredOff")
    path, pool = vm.config.files.vmPathName, vm.resourcePool
    vm.UnregisterVM()
    do("unregister", None, lambda: not any(m.name == "renamed" for m in folder.childEntity))
    # The package finds the files of a machine only by its first name.
    name = path.rsplit("/", 1)[1].removesuffix(".vmx")
    do("register", folder.RegisterVM_Task(path, name, False, pool, None), lambda: any(m.name == name for m in folder.childEntity))
    wrong = [name for name, right in done if not right]
    check(f"{label} {len(done)} changes do what they say", not wrong, wrong)
    si.RetrieveContent().sessionManager.Logout()


def denials(check, label, sim, login, filter_spec, updates):
    si = login()
    c = si.RetrieveContent()
    view = c.viewManager.CreateContainerView(c.rootFolder, [vim.VirtualMachine], True)
    spec = filter_spec(view, vim.VirtualMachine, ["name", "guest.hostName"])
    pc = c.propertyCollector.CreatePropertyCollector()
    pc.CreateFilter(spec, False)
    wait = PC.WaitOptions(maxWaitSeconds=5)
    first = pc.WaitForUpdatesEx("", wait)
    db = machine(c, "db-01")
    sim.ctl("POST", "/denials", {"type": "VirtualMachine", "name": "db-01", "path": "guest*"})
    s = pc.WaitForUpdatesEx(first.version, wait)
    objects = [o for f in s.filterSet for o in f.objectSet if o.obj == db]
    check(f"{label} a property that may not be read any more", len(objects) == 1
          and [m.path for m in objects[0].missingSet] == ["guest.hostName"]
          and isinstance(objects[0].missingSet[0].fault, vim.fault.NoPermission)
          and all(ch.val is None for ch in objects[0].changeSet), objects)
    read = c.propertyCollector.RetrievePropertiesEx([spec], PC.RetrieveOptions()).objects
    mine = next(o for o in read if o.obj == db)
    check(f"{label} missing when read", [p.name for p in mine.propSet] == ["name"] and len(mine.missingSet) == 1)
    sim.ctl("POST", "/denials", {"name": "web-00*"})
    s = pc.WaitForUpdatesEx(s.version, wait)
    left = [o for o in updates(s) if o[0] == "leave"]
    check(f"{label} objects that may not be seen leave", len(left) >= 3 and len(view.view) == 10, len(left))
    sim.ctl("DELETE", "/denials")
    s = pc.WaitForUpdatesEx(s.version, wait)
    check(f"{label} and come back", len([o for o in updates(s) if o[0] == "enter"]) == len(left)
          and any("guest.hostName" in values for _, _, values in updates(s)))
    c.sessionManager.Logout()


def rules(check, label, sim, login, rest):
    si = login()
    sim.ctl("POST", "/reset")
    sim.ctl("POST", "/faults", {"method": "* /rest/*", "kind": "http", "status": 503, "count": 2})
    sim.ctl("POST", "/faults", {"method": "CurrentTime", "kind": "soap", "fault": "NoPermission", "message": "no",
                                "detail": '<object type="Folder">group-d1</object><privilegeId>X.Y</privilegeId>'})
    codes = [rest() for _ in range(3)]
    check(f"{label} a rule for all of REST alone", codes[:2] == [503, 503] and codes[2] != 503, codes)
    raised(si.CurrentTime)
    raised(lambda: si.RetrieveContent().sessionManager.TerminateSession(["nobody"]))
    st = sim.ctl("GET", "/stats")
    check(f"{label} counters per method", st["methods"]["CurrentTime"] == 1 and st["injected"]["soap CurrentTime"] == 1
          and st["faults"].get("CurrentTime: NoPermission") == 1 and st["faults"].get("TerminateSession: NotFound") == 1
          and st["rest_status"].get("503") == 2, st["faults"])
    si.RetrieveContent().sessionManager.Logout()


def everything(check, label, sim, strict, login, rest, filter_spec, updates):
    rules(check, label, sim, login, rest)
    if strict:
        denials(check, label, sim, login, filter_spec, updates)
        # With the package's own task info pyVmomi cannot read the tasks of snapshots.
        changes(check, label, sim, login)
        tasks(check, label, sim, login)
    check(f"{label} no session is left by all this", sim.ctl("GET", "/stats")["sessions"] == 0, sim.ctl("GET", "/stats")["sessions"])
