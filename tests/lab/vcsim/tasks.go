package main

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// deed is a call that was carried out: not merely received, and whatever became
// of its answer. It is what exactly-once tests count.
type deed struct {
	At      string `json:"at"`
	Op      string `json:"op,omitempty"` // operationID
	Call    string `json:"call"`
	This    string `json:"this"`
	Label   string `json:"label,omitempty"` // the argument name or newName
	Task    string `json:"task,omitempty"`
	Outcome string `json:"outcome"` // success, or a fault's type

	queued time.Time
	entity moref
}

// taskBook is what the simulator remembers of changes and tasks.
type taskBook struct {
	deeds     []*deed // what was carried out
	running   []*deed // slow tasks
	cancelled map[string]bool
}

var (
	opHeader   = regexp.MustCompile(`<(?:\w+:)?operationID[^>]*>([^<]*)</`)
	activation = regexp.MustCompile(`<(?:\w+:)?activationId[^>]*>([^<]*)</`)
	labelled   = regexp.MustCompile(`<(?:\w+:)?(?:name|newName)(?: [^>]*)?>([^<]*)</`)
)

// about is what a call says of itself beyond its name and its target.
type about struct{ op, activation, label string }

func aboutCall(body []byte) (a about) {
	head, rest := body, []byte(nil)
	if at := soapBody.FindIndex(body); at != nil {
		head, rest = body[:at[0]], body[at[0]:]
	}
	first := func(re *regexp.Regexp, in []byte) string {
		if m := re.FindSubmatch(in); m != nil {
			return html.UnescapeString(string(m[1]))
		}
		return ""
	}
	return about{op: first(opHeader, head), activation: first(activation, head), label: first(labelled, rest)}
}

// changes says whether a call is one that the ledger is about.
func changes(name string) bool {
	if strings.HasSuffix(name, "_Task") {
		return true
	}
	switch name {
	case "CreateFolder", "CreateDatacenter", "CreateStoragePod", "UnregisterVM", "ShutdownGuest", "RebootGuest", "StandbyGuest":
		return true
	}
	return false
}

// done puts a call that was carried out into the ledger, and gives its task the
// name and the activation id that a vCenter gives it.
func (s *sim) done(out *recorder, c *call) {
	if !changes(c.name) {
		return
	}
	said := aboutCall(c.body)
	d := &deed{At: time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), Op: said.op, Call: c.name,
		This: c.kind + ":" + c.this, Label: said.label, Outcome: "success", queued: time.Now(),
		entity: moref{Type: c.kind, Value: c.this}}
	if out.status != http.StatusOK {
		d.Outcome = "fault"
		if m := faultName.FindSubmatch(out.body.Bytes()); m != nil {
			d.Outcome = string(m[1])
		}
	}
	if d.Outcome == "NotAuthenticated" {
		return // it was not even looked at
	}
	if m := taskReply.FindSubmatch(out.body.Bytes()); m != nil {
		d.Task = string(m[1])
		if t := task(d.Task); t != nil {
			simulator.Map.WithLock(t, func() {
				t.Info.Name, t.Info.ActivationId = c.name, said.activation
				if t.Info.Entity != nil {
					d.entity = *t.Info.Entity
				}
				if e := t.Info.Error; e != nil {
					d.Outcome = strings.TrimPrefix(fmt.Sprintf("%T", e.Fault), "*types.")
				}
			})
			simulator.Map.Update(t, nil)
		}
	}
	s.mu.Lock()
	s.book.deeds = append(s.book.deeds, d)
	s.mu.Unlock()
}

func task(value string) *simulator.Task {
	t, _ := simulator.Map.Get(moref{Type: "Task", Value: value}).(*simulator.Task)
	return t
}

// begun enters a task that has only begun (slow_task), so that the history has it.
func (s *sim) begun(t *simulator.Task, c *call) {
	said := aboutCall(c.body)
	update(t, []types.PropertyChange{{Name: "info.activationId", Val: said.activation}, {Name: "info.name", Val: c.name}})
	s.mu.Lock()
	s.book.running = append(s.book.running, &deed{Op: said.op, Task: t.Self.Value, queued: time.Now(), entity: moref{Type: c.kind, Value: c.this}})
	s.mu.Unlock()
}

// manage answers what the package's task manager lacks; true if it was that.
func (s *sim) manage(out *recorder, c *call) bool {
	switch c.name {
	case "CancelTask":
		s.cancelTask(out, c)
	case "CreateCollectorForTasks":
		s.collectTasks(out, c.body)
	default:
		return false
	}
	return true
}

func (s *sim) cancelTask(out *recorder, c *call) {
	t := task(c.this)
	switch {
	case t == nil:
		soapFault(out, "ManagedObjectNotFound", "The object has already been deleted or has not been completely created",
			`<obj type="Task">`+html.EscapeString(c.this)+`</obj>`)
	case t.Info.State == types.TaskInfoStateSuccess || t.Info.State == types.TaskInfoStateError:
		soapFault(out, "InvalidState", "The operation is not allowed in the current state.", "")
	case !t.Info.Cancelable:
		soapFault(out, "NotSupported", "The operation is not supported on the object.", "")
	default:
		s.mu.Lock()
		if s.book.cancelled == nil {
			s.book.cancelled = map[string]bool{}
		}
		s.book.cancelled[c.this] = true
		s.mu.Unlock()
		update(t, []types.PropertyChange{{Name: "info.cancelled", Val: true}})
		soapReply(out, "CancelTaskResponse", "")
	}
}

func (s *sim) isCancelled(t *simulator.Task) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.cancelled[t.Self.Value]
}

// taskHistory is a TaskHistoryCollector: it reads once from the newest to the oldest.
type taskHistory struct {
	mo.TaskHistoryCollector
	infos []types.TaskInfo
}

func (h *taskHistory) ReadNextTasks(req *types.ReadNextTasks) soap.HasFault {
	n := int(req.MaxCount)
	if n > len(h.infos) {
		n = len(h.infos)
	}
	page := h.infos[:n]
	h.infos = h.infos[n:]
	return &methods.ReadNextTasksBody{Res: &types.ReadNextTasksResponse{Returnval: page}}
}

func (h *taskHistory) DestroyCollector(req *types.DestroyCollector) soap.HasFault {
	simulator.Map.Remove(req.This)
	return &methods.DestroyCollectorBody{Res: &types.DestroyCollectorResponse{}}
}

func (s *sim) collectTasks(out *recorder, body []byte) {
	m, err := simulator.UnmarshalBody(types.TypeFunc(), body)
	req, ok := (*types.CreateCollectorForTasks)(nil), false
	if err == nil {
		req, ok = m.Body.(*types.CreateCollectorForTasks)
	}
	if !ok {
		soapFault(out, "InvalidRequest", fmt.Sprint(err), "")
		return
	}
	s.mu.Lock()
	all := append(append([]*deed(nil), s.book.running...), s.book.deeds...)
	s.mu.Unlock()
	h := &taskHistory{}
	h.Self = moref{Type: "TaskHistoryCollector"}
	seen := map[string]bool{}
	for i := len(all) - 1; i >= 0; i-- {
		t := task(all[i].Task)
		if t == nil || seen[all[i].Task] || !selected(&req.Filter, all[i], t) {
			continue
		}
		seen[all[i].Task] = true
		simulator.Map.WithLock(t, func() { h.infos = append(h.infos, t.Info) })
	}
	ref := simulator.Map.Put(h).Reference()
	soapReply(out, "CreateCollectorForTasksResponse", `<returnval type="TaskHistoryCollector">`+ref.Value+`</returnval>`)
}

func selected(f *types.TaskFilterSpec, d *deed, t *simulator.Task) bool {
	if f.Entity != nil && f.Entity.Entity != d.entity {
		return false
	}
	if f.Time != nil && f.Time.BeginTime != nil && d.queued.Before(*f.Time.BeginTime) {
		return false
	}
	if len(f.ActivationId) > 0 && !strings.Contains("\n"+strings.Join(f.ActivationId, "\n")+"\n", "\n"+t.Info.ActivationId+"\n") {
		return false
	}
	return true
}

// ledger gives what was carried out.
func (s *sim) ledger() []deed {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []deed{}
	for _, d := range s.book.deeds {
		out = append(out, *d)
	}
	return out
}
