//! SOAP 1.1 as vSphere speaks it: requests out of the schema, answers back into values.
//!
//! Nothing here opens a connection; bytes go in and come out.

mod decode;
mod encode;
mod fault;
mod xml;

#[cfg(test)]
mod roundtrip;

use crate::schema::{self, ManagedType, Method};
use crate::vim::{Args, MoRef, Value};
use crate::{Error, Result};

pub use fault::Fault;
pub(crate) use xml::escape;

/// The namespaces of every envelope.
pub(crate) mod ns {
    pub const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
    pub const XSD: &str = "http://www.w3.org/2001/XMLSchema";
    pub const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
    /// WS-Security.
    pub const WSSE: &str =
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
}

/// A call that has been checked against the schema: its envelope, and what is needed to read the answer.
#[derive(Clone)]
pub struct Request {
    service: &'static str,
    method: &'static Method,
    body: String,
}

/// What an envelope's header says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Header<'a> {
    /// The operation's id, which the server writes into its logs.
    pub op_id: Option<&'a str>,
    /// The id that a task made of this call carries (`TaskInfo.activationId`, vSphere API 6.0).
    pub activation_id: Option<&'a str>,
    /// The session's cookie, which services beside the vCenter API take from here.
    pub cookie: Option<&'a str>,
    /// A SAML assertion, as the service that issued it wrote it (WS-Security).
    pub assertion: Option<&'a str>,
}

impl Request {
    /// The call of `method` on `object`. Wrong names and types and missing arguments are errors here, and nothing
    /// has been sent.
    pub fn new(object: &MoRef, method: &str, args: &Args, header: &Header<'_>) -> Result<Self> {
        let managed = managed(object.kind())?;
        let method = of(managed, method)?;
        let body = encode::request(managed.service(), object, method, args, header)?;
        Ok(Self { service: managed.service(), method, body })
    }

    /// The method called.
    pub fn method(&self) -> &'static Method {
        self.method
    }

    /// The namespace of the service that is called, as `vim25`.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// The envelope.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Reads the answer: the method's result, or the server's fault as [`Error::Fault`].
    pub fn answer(&self, body: &[u8]) -> Result<Value> {
        decode::answer(self.method, body)
    }
}

/// The body may hold a password.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("service", &self.service)
            .field("method", &self.method.name())
            .finish()
    }
}

/// The method `name` of the managed object type `kind`.
pub(crate) fn method(kind: &str, name: &str) -> Result<&'static Method> {
    of(managed(kind)?, name)
}

fn of(managed: &'static ManagedType, method: &str) -> Result<&'static Method> {
    managed.method(method).ok_or_else(|| {
        let like = likely(managed, method).map(|it| format!("; is it '{it}'?")).unwrap_or_default();
        Error::Schema(format!("{} has no method '{method}'{like}", managed.name()))
    })
}

fn managed(kind: &str) -> Result<&'static ManagedType> {
    schema::get()
        .managed(kind)
        .ok_or_else(|| Error::Schema(format!("there is no managed object type '{kind}'")))
}

/// A method of `managed` that was perhaps meant.
fn likely(managed: &'static ManagedType, method: &str) -> Option<&'static str> {
    let wanted = method.to_lowercase();
    std::iter::successors(Some(managed), |it| it.base())
        .flat_map(ManagedType::own_methods)
        .map(Method::name)
        .find(|name| name.to_lowercase().starts_with(&wanted) || wanted.starts_with(&name.to_lowercase()))
}
