package main

import "testing"

func TestARuleSkipsCountsAndGoes(t *testing.T) {
	s := &sim{count: newCounters()}
	if err := s.addFault(&fault{Method: "PowerO*VM_Task", Kind: "http", Skip: 1, Count: 2}); err != nil {
		t.Fatal(err)
	}
	var hits []bool
	for i := 0; i < 4; i++ {
		hits = append(hits, s.due(&call{name: "PowerOnVM_Task"}) != nil)
	}
	if want := [4]bool{false, true, true, false}; hits[0] != want[0] || hits[1] != want[1] || hits[2] != want[2] || hits[3] != want[3] {
		t.Errorf("got %v, want %v", hits, want)
	}
	if len(s.faults) != 0 {
		t.Error("a spent rule stays")
	}
}

func TestARuleKnowsMethodTargetAndUser(t *testing.T) {
	s := &sim{count: newCounters()}
	if err := s.addFault(&fault{Method: "Rename_Task", Target: "VirtualMachine:vm-1?", User: "eve", Kind: "reset", Count: -1}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		call call
		want bool
	}{
		{call{name: "Rename_Task", kind: "VirtualMachine", this: "vm-12", user: "eve"}, true},
		{call{name: "Rename_Task", kind: "VirtualMachine", this: "vm-22", user: "eve"}, false},
		{call{name: "Rename_Task", kind: "VirtualMachine", this: "vm-12", user: "adam"}, false},
		{call{name: "Destroy_Task", kind: "VirtualMachine", this: "vm-12", user: "eve"}, false},
	} {
		if got := s.due(&c.call) != nil; got != c.want {
			t.Errorf("%+v: got %v", c.call, got)
		}
	}
	if err := s.addFault(&fault{Kind: "explode"}); err == nil {
		t.Error("an unknown kind was taken")
	}
}

func TestAStarStandsForSlashesToo(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"* /rest/*", "GET /rest/com/vmware/cis/tagging/tag", true},
		{"* /api/*", "GET /rest/com/vmware/cis/tagging/tag", false},
		{"PowerO*VM_Task", "PowerOffVM_Task", true},
		{"PowerO*VM_Task", "SuspendVM_Task", false},
	} {
		if got := glob(c.pattern, c.text); got != c.want {
			t.Errorf("%s, %s: got %v", c.pattern, c.text, got)
		}
	}
}
