//! A scripted server on loopback, for what neither a simulator nor a vCenter does at will.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::session::Protocol;
use crate::{Config, Credentials};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `POST /sdk`
    pub line: String,
    pub head: String,
    pub body: String,
}

impl Asked {
    /// The SOAP method that is called; empty if it is none.
    pub fn method(&self) -> &str {
        let body = self.body.split_once("Body><").map_or("", |(_, rest)| rest);
        body.split([' ', '>']).next().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: String,
    body: Vec<u8>,
    /// Send only so much of the body, and close.
    cut: Option<usize>,
    /// The pause before the answer, and between its pieces of 1 kB if there is a pace.
    delay: Duration,
    pace: Option<Duration>,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: String::new(),
            body: body.into(),
            cut: None,
            delay: Duration::ZERO,
            pace: None,
        }
    }

    /// The answer to a SOAP call: what stands inside `<XResponse>`.
    pub fn soap(method: &str, inner: &str) -> Self {
        Self::new(200, envelope(&format!("<{method}Response xmlns=\"urn:vim25\">{inner}</{method}Response>")))
    }

    pub fn fault(kind: &str, inner: &str) -> Self {
        Self::new(
            500,
            envelope(&format!(
                "<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>It is {kind}.</faultstring><detail>\
                 <{kind}Fault xmlns=\"urn:vim25\" xsi:type=\"{kind}\">{inner}</{kind}Fault></detail></soapenv:Fault>"
            )),
        )
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub fn cut(mut self, at: usize) -> Self {
        self.cut = Some(at);
        self
    }

    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub fn pace(mut self, pace: Duration) -> Self {
        self.pace = Some(pace);
        self
    }
}

fn envelope(inner: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>"
    )
}

type Answers = dyn Fn(&Asked) -> Option<Reply> + Send + Sync;

/// The server. What the script leaves open, a login and the list of sessions, is answered as a vCenter does.
pub struct Double {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    serving: JoinHandle<()>,
}

impl Double {
    pub async fn start(script: impl Fn(&Asked) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (all, script): (_, Arc<Answers>) = (asked.clone(), Arc::new(script));
        let serving = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, all.clone(), script.clone()));
            }
        });
        Self { port, asked, serving }
    }

    pub fn config(&self) -> Config {
        let mut config = Config::new("127.0.0.1", Credentials::new("root", "secret"));
        (config.port, config.protocol) = (self.port, Protocol::Http);
        config.login.attempts = 1;
        config.timeouts.request = Duration::from_secs(20);
        config
    }

    pub fn session(&self) -> crate::Session {
        crate::Session::new(self.config()).unwrap()
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How often this SOAP method, or this line (`GET /x`), was asked.
    pub fn count(&self, what: &str) -> usize {
        self.asked().iter().filter(|it| it.method() == what || it.line == what).count()
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut stream: TcpStream, asked: Arc<Mutex<Vec<Asked>>>, script: Arc<Answers>) {
    while let Some(request) = read(&mut stream).await {
        asked.lock().unwrap().push(request.clone());
        let reply = script(&request).unwrap_or_else(|| usual(&request));
        tokio::time::sleep(reply.delay).await;
        let head = format!(
            "HTTP/1.1 {} x\r\n{}content-length: {}\r\n\r\n",
            reply.status,
            reply.headers,
            reply.body.len()
        );
        let body = &reply.body[..reply.cut.unwrap_or(reply.body.len())];
        if stream.write_all(head.as_bytes()).await.is_err() {
            return;
        }
        let piece = if reply.pace.is_some() { 1024 } else { usize::MAX };
        for part in body.chunks(piece.min(body.len().max(1))) {
            tokio::time::sleep(reply.pace.unwrap_or_default()).await;
            if stream.write_all(part).await.is_err() {
                return;
            }
        }
        if reply.cut.is_some() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut asked = Asked { line: String::new(), head, body: String::new() };
    let length: usize = asked.header("content-length").map_or(0, |it| it.parse().unwrap());
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    asked.body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
    asked.line = asked.head.lines().next()?.rsplit_once(' ')?.0.to_owned();
    Some(asked)
}

/// What a vCenter answers to those who log in.
fn usual(request: &Asked) -> Reply {
    match request.method() {
        "RetrieveServiceContent" => Reply::soap(
            "RetrieveServiceContent",
            "<returnval><rootFolder type=\"Folder\">group-d1</rootFolder>\
             <propertyCollector type=\"PropertyCollector\">propertyCollector</propertyCollector>\
             <viewManager type=\"ViewManager\">ViewManager</viewManager>\
             <about><name>VMware vCenter Server</name><fullName>x</fullName><vendor>x</vendor><version>8.0.3</version>\
             <build>1</build><osType>x</osType><productLineId>vpx</productLineId><apiType>VirtualCenter</apiType>\
             <apiVersion>8.0.3.0</apiVersion></about>\
             <sessionManager type=\"SessionManager\">SessionManager</sessionManager></returnval>",
        ),
        "Login" => Reply::soap(
            "Login",
            "<returnval><key>k</key><userName>root</userName><fullName>root</fullName>\
             <loginTime>2026-03-01T12:00:00Z</loginTime><lastActiveTime>2026-03-01T12:00:00Z</lastActiveTime>\
             <locale>en</locale><messageLocale>en</messageLocale></returnval>",
        )
        .header("set-cookie", "vmware_soap_session=\"abc\"; Path=/"),
        "Logout" => Reply::soap("Logout", ""),
        "CurrentTime" => Reply::soap("CurrentTime", "<returnval>2026-03-01T12:00:00Z</returnval>"),
        // The list of sessions, which is read after the first log-in.
        "RetrievePropertiesEx" => Reply::soap("RetrievePropertiesEx", ""),
        "" => Reply::new(404, ""),
        other => Reply::fault("MethodNotFound", &format!("<method>{other}</method>")),
    }
}
