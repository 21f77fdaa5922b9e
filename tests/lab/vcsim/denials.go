package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// denial takes a privilege to read away: from every user, for the strict
// collector's clients know of none but one.
type denial struct {
	Name string `json:"name"` // of the objects; a glob
	Type string `json:"type"` // of the objects; a glob, empty is any
	Path string `json:"path"` // of the properties; a glob. Empty: the objects are not even seen
}

func (d *denial) object(ref moref) bool {
	if !glob(d.Type, ref.Type) {
		return false
	}
	if d.Name == "" || d.Name == "*" {
		return true
	}
	obj := simulator.Map.Get(ref)
	return obj != nil && glob(d.Name, entityName(obj))
}

func noPermission(ref moref, privilege string) *types.NoPermission {
	return &types.NoPermission{Object: ref, PrivilegeId: privilege}
}

// hidden says whether nobody may see the object at all.
func (s *sim) hidden(ref moref) bool {
	for _, d := range s.denials() {
		if d.Path == "" && d.object(ref) {
			return true
		}
	}
	return false
}

func (s *sim) denials() []denial {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.denied
}

// deny sets the denials and has every collector look at everything again.
func (s *sim) deny(all []denial) {
	s.mu.Lock()
	s.denied = all
	s.mu.Unlock()
	// A change of a reference is one that may change what a filter selects.
	root := simulator.Map.Get(serviceContent().RootFolder).(*simulator.Folder)
	update(root, []types.PropertyChange{{Name: "childEntity", Val: root.ChildEntity}})
}

// retrieve reads as the package does, without what may not be read.
func (c *collector) retrieve(ctx *simulator.Context, req *types.RetrievePropertiesEx) soap.HasFault {
	if len(theSim.denials()) > 0 {
		for _, spec := range req.SpecSet {
			for _, o := range spec.ObjectSet {
				if theSim.hidden(o.Obj) {
					return &methods.RetrievePropertiesExBody{
						Fault_: simulator.Fault("Permission to perform this operation was denied.", noPermission(o.Obj, "System.View"))}
				}
			}
		}
	}
	res := c.PropertyCollector.RetrievePropertiesEx(ctx, req)
	body, ok := res.(*methods.RetrievePropertiesExBody)
	if !ok || body.Res == nil || body.Res.Returnval == nil {
		return res
	}
	denials := theSim.denials()
	if len(denials) == 0 {
		return res
	}
	var kept []types.ObjectContent
	for _, o := range body.Res.Returnval.Objects {
		if theSim.hidden(o.Obj) {
			continue
		}
		var props []types.DynamicProperty
		for _, p := range o.PropSet {
			if mayRead(denials, o.Obj, p.Name) {
				props = append(props, p)
				continue
			}
			fault := types.LocalizedMethodFault{Fault: noPermission(o.Obj, "System.Read"), LocalizedMessage: "Permission to perform this operation was denied."}
			o.MissingSet = append(o.MissingSet, types.MissingProperty{Path: p.Name, Fault: fault})
		}
		o.PropSet = props
		kept = append(kept, o)
	}
	body.Res.Returnval.Objects = kept
	return res
}

func mayRead(denials []denial, ref moref, path string) bool {
	for _, d := range denials {
		if d.Path != "" && glob(d.Path, path) && d.object(ref) {
			return false
		}
	}
	return true
}
