package main

import (
	"html"
	"net/http"
	"reflect"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// invoke carries a call out as the package does, in a session of our own: what
// a task does at its end does not depend on the session that has started it.
func (s *sim) invoke(body []byte) *recorder {
	out := &recorder{header: http.Header{}}
	method, err := simulator.UnmarshalBody(types.TypeFunc(), body)
	if err != nil {
		soapFault(out, "RuntimeFault", err.Error(), "")
		return out
	}
	handler := simulator.Map.Get(method.This)
	if handler == nil {
		soapFault(out, "ManagedObjectNotFound", "The object has already been deleted or has not been completely created.",
			`<obj type="`+html.EscapeString(method.This.Type)+`">`+html.EscapeString(method.This.Value)+`</obj>`)
		return out
	}
	name := strings.ToUpper(method.Name[:1]) + strings.Replace(method.Name[1:], "_Task", "Task", 1)
	m := reflect.ValueOf(handler).MethodByName(name)
	if !m.IsValid() {
		soapFault(out, "MethodNotFound", method.Name+" is not there", "")
		return out
	}
	var args []reflect.Value
	if m.Type().NumIn() == 2 {
		args = append(args, reflect.ValueOf(s.ctl))
	}
	args = append(args, reflect.ValueOf(method.Body))
	var res soap.HasFault
	simulator.Map.WithLock(handler, func() { res = m.Call(args)[0].Interface().(soap.HasFault) })
	if f := res.Fault(); f != nil {
		kind := "RuntimeFault"
		if v := reflect.Indirect(reflect.ValueOf(f.VimFault())); v.IsValid() {
			kind = v.Type().Name()
		}
		soapFault(out, kind, f.String, "")
		return out
	}
	inner := ""
	if v := reflect.Indirect(reflect.Indirect(reflect.ValueOf(res)).FieldByName("Res")); v.IsValid() {
		if ref, ok := v.FieldByName("Returnval").Interface().(moref); ok {
			inner = `<returnval type="` + ref.Type + `">` + ref.Value + `</returnval>`
		}
	}
	soapReply(out, method.Name+"Response", inner)
	return out
}
