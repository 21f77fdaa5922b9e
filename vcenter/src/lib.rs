//! vcenter
