//! The verbs: what is done to the objects of a vCenter, by subject. Each finds its object by reference, calls, waits for the
//! task if there is one, and returns when the inventory shows what it has done.
