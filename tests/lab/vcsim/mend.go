package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// mend prepares what the package fails at: the removal of a current snapshot
// that has no parent, where something of the tree is left. Nothing is current
// afterwards.
func mend(c *call) {
	if c.name != "RemoveSnapshot_Task" {
		return
	}
	snapshot, ok := simulator.Map.Get(moref{Type: c.kind, Value: c.this}).(*simulator.VirtualMachineSnapshot)
	if !ok {
		return
	}
	vm, ok := simulator.Map.Get(snapshot.Vm).(*simulator.VirtualMachine)
	if !ok {
		return
	}
	simulator.Map.WithLock(vm, func() {
		if vm.Snapshot == nil || vm.Snapshot.CurrentSnapshot == nil || *vm.Snapshot.CurrentSnapshot != snapshot.Self {
			return
		}
		for _, root := range vm.Snapshot.RootSnapshotList {
			if root.Snapshot == snapshot.Self {
				now := types.VirtualMachineSnapshotInfo{RootSnapshotList: vm.Snapshot.RootSnapshotList}
				vm.Snapshot = &now
			}
		}
	})
}

// follow has a machine's configuration follow its new name, as vCenter does.
func follow(c *call) {
	if c.name != "Rename_Task" {
		return
	}
	vm, ok := simulator.Map.Get(moref{Type: c.kind, Value: c.this}).(*simulator.VirtualMachine)
	if !ok || vm.Config == nil {
		return
	}
	update(vm, []types.PropertyChange{{Name: "config.name", Val: vm.Name}, {Name: "summary.config.name", Val: vm.Name}})
}
