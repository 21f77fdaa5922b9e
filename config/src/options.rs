//! The options, each declared once: its type, its default in Salt 3007 and what it does. `proxy.example`, the defaults and
//! the check of types are all derived from here.

use salt::{Map, Value, yaml};

use crate::kept::KEPT;
use crate::kind::Kind::{self, Bool, Float, Int, List, Map as Dict, Nothing, Text};

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// The name in the file.
    pub name: &'static str,
    /// The types that its value may have.
    pub kinds: &'static [Kind],
    /// The default in YAML; empty if the option is not there without a word from the user.
    pub default: &'static str,
    /// What it does. Empty for an option that only its readers know (`config.get`).
    pub doc: &'static str,
}

/// Options that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// The heading.
    pub title: &'static str,
    /// Its options.
    pub options: &'static [Opt],
}

const fn opt(name: &'static str, kinds: &'static [Kind], default: &'static str, doc: &'static str) -> Opt {
    Opt { name, kinds, default, doc }
}

const T: &[Kind] = &[Text];
const I: &[Kind] = &[Int];
const B: &[Kind] = &[Bool];
const L: &[Kind] = &[List];
const M: &[Kind] = &[Dict];
const TN: &[Kind] = &[Text, Nothing];
const TL: &[Kind] = &[Text, List];
const NUM: &[Kind] = &[Int, Float];

/// The options that vsalt acts on.
pub const SECTIONS: &[Section] = &[
    Section {
        title: "Identity",
        options: &[
            opt("id", TN, "", "The minion id. Without it, the id of the command line (--proxyid) counts."),
            opt("append_domain", T, "", "A domain that is put behind an id that does not end in it already."),
            opt("minion_id_lowercase", B, "false", "Write an id that had to be guessed in small letters."),
            opt(
                "proxy",
                M,
                "",
                "The device: proxytype, vcenter, username, passwords and so on. The pillar's map of the same name is merged over it.",
            ),
        ],
    },
    Section {
        title: "Master",
        options: &[
            opt(
                "master",
                TL,
                "salt",
                "Name or address of the master, with ':port' if it is not the usual one; a list for several.",
            ),
            opt(
                "master_type",
                T,
                "str",
                "'str': each master of the list is served; 'failover': one at a time; 'distributed': one at a time, the first by the id; 'disable': none.",
            ),
            opt(
                "master_uri_format",
                T,
                "default",
                "'ip_only' if no port is to be looked for in the name of the master.",
            ),
            opt("master_port", &[Int, Text], "4506", "The master's request port."),
            opt(
                "publish_port",
                I,
                "",
                "The master's publish port. Without it, the master says which one it is.",
            ),
            opt("random_master", B, "false", "Try the masters of a list in random order."),
            opt("master_shuffle", B, "false", "The old name of random_master."),
            opt(
                "master_finger",
                T,
                "''",
                "The fingerprint of the master's key. A master with another one is refused.",
            ),
            opt(
                "verify_master_pubkey_sign",
                B,
                "false",
                "The master's key must be signed with its signing key.",
            ),
            opt("master_sign_key_name", T, "master_sign", "The name of that signing key in pki_dir."),
            opt("always_verify_signature", B, "false", "Check that signature at every authentication."),
            opt("sign_pub_messages", B, "false", "Refuse publications that the master did not sign."),
            opt("minion_sign_messages", B, "false", "Sign what is sent to the master."),
            opt("encryption_algorithm", T, "OAEP-SHA1", "RSA encryption: OAEP-SHA1 or OAEP-SHA224."),
            opt("signing_algorithm", T, "PKCS1v15-SHA1", "RSA signatures: PKCS1v15-SHA1 or PKCS1v15-SHA224."),
            opt("transport", T, "zeromq", "How the master is reached: zeromq, tcp, ws or detect."),
            opt(
                "ssl",
                &[Dict, Bool, Nothing],
                "null",
                "TLS for tcp and ws: certfile, keyfile, ca_certs, cert_reqs, ssl_version.",
            ),
            opt(
                "tcp_reconnect_backoff",
                NUM,
                "1",
                "Seconds before tcp and ws try a master again that can't be reached.",
            ),
            opt(
                "ipv6",
                &[Bool, Nothing],
                "null",
                "True: IPv6 first; false: IPv4 only; null: as the system orders.",
            ),
            opt("retry_dns", NUM, "30", "Seconds between attempts to resolve the master's name."),
            opt("retry_dns_count", &[Int, Nothing], "null", "How many such attempts; null for no end."),
            opt(
                "master_tries",
                I,
                "1",
                "Rounds through the masters until a connect counts as failed; -1: no end.",
            ),
            opt(
                "master_alive_interval",
                I,
                "0",
                "Seconds between looks whether the master is still there; 0: rely on the connection.",
            ),
            opt(
                "master_failback",
                B,
                "false",
                "With failover, go back to the first master once it is there again.",
            ),
            opt("master_failback_interval", I, "0", "Seconds between looks for it."),
            opt("source_interface_name", T, "''", "The network interface to connect from."),
            opt("source_address", T, "''", "The address to connect from."),
            opt("source_ret_port", &[Int, Text], "0", "The port to connect from to the request port."),
            opt("source_publish_port", &[Int, Text], "0", "The port to connect from to the publish port."),
        ],
    },
    Section {
        title: "Connection",
        options: &[
            opt(
                "acceptance_wait_time",
                NUM,
                "10",
                "Seconds between looks whether the key has been accepted.",
            ),
            opt(
                "acceptance_wait_time_max",
                NUM,
                "0",
                "How long this time may grow, by itself, at each look; 0: it does not.",
            ),
            opt(
                "rejected_retry",
                B,
                "false",
                "Go on when the master has rejected the key, instead of ending.",
            ),
            opt("auth_timeout", NUM, "5", "Seconds to wait for the answer to an authentication."),
            opt("auth_tries", I, "7", "Attempts to authenticate."),
            opt(
                "random_reauth_delay",
                I,
                "10",
                "A master that was lost and does not answer is left alone for up to so many seconds before it is asked again.",
            ),
            opt(
                "random_startup_delay",
                I,
                "0",
                "Up to so many seconds are let go by before the first connect.",
            ),
            opt("recon_default", I, "1000", "Milliseconds before a broken connection is made anew."),
            opt("recon_max", I, "10000", "How long this time may grow."),
            opt(
                "recon_randomize",
                B,
                "true",
                "Choose the first of these times by chance, so that not all come at once.",
            ),
            opt("request_channel_timeout", NUM, "60", "Seconds to wait for the answer to a request."),
            opt("request_channel_tries", I, "3", "Attempts of a request."),
            opt("return_retry_timer", NUM, "5", "Least seconds before a return is sent again."),
            opt("return_retry_timer_max", NUM, "10", "Most seconds before a return is sent again."),
            opt("return_retry_tries", I, "3", "Attempts of a return within one connection."),
            opt(
                "spool_max_size",
                I,
                "1073741824",
                "Bytes that returns may take up on disk while the master can't have them; beyond, the oldest are dropped. 0: no bound.",
            ),
            opt("spool_max_age", NUM, "604800", "Seconds that such a return is kept; 0: for ever."),
            opt("ping_interval", NUM, "0", "Minutes between pings of the master; 0: none."),
            opt("tcp_keepalive", B, "true", "Keep connections alive by TCP's own means."),
            opt("tcp_keepalive_idle", NUM, "300", "Seconds of silence before the first probe."),
            opt(
                "tcp_keepalive_cnt",
                NUM,
                "-1",
                "Probes before a connection counts as dead; -1: as the system has it.",
            ),
            opt("tcp_keepalive_intvl", NUM, "-1", "Seconds between probes; -1: as the system has it."),
            opt(
                "zmq_filtering",
                B,
                "false",
                "Only take the publications that the master addressed to this id.",
            ),
        ],
    },
    Section {
        title: "Keys",
        options: &[
            opt("keysize", I, "2048", "The size of the key that is made at the first start."),
            opt("hash_type", T, "sha256", "The hash of fingerprints and files."),
            opt("permissive_pki_access", B, "false", "Let the group read the keys."),
        ],
    },
    Section {
        title: "Files and directories",
        options: &[
            opt("root_dir", T, "/", "What all paths below are put into."),
            opt("pki_dir", T, "/etc/salt/pki/proxy", "The keys. All proxies of a machine share them."),
            opt(
                "cachedir",
                T,
                "/var/cache/salt/proxy",
                "Cached files, running jobs and returns that are still to be sent.",
            ),
            opt("extension_modules", T, "/var/cache/salt/proxy/extmods", "Kept for templates that read it."),
            opt("sock_dir", T, "/var/run/salt/proxy", "Kept for templates that read it."),
            opt("pidfile", T, "/var/run/salt-minion.pid", "The file with the number of the process."),
            opt(
                "append_minionid_config_dirs",
                L,
                "[cachedir, pidfile, default_include, extension_modules]",
                "Which of these paths get the id behind them.",
            ),
            opt(
                "default_include",
                T,
                "proxy.d/*.conf",
                "Files that are read after this one; later ones win.",
            ),
            opt("include", TL, "", "Further files, read last."),
            opt("user", T, "root", "The user to run as."),
            opt("verify_env", B, "true", "Make missing directories at the start."),
        ],
    },
    Section {
        title: "Log",
        options: &[
            opt("log_file", T, "/var/log/salt/proxy", "The file of the log."),
            opt(
                "log_level",
                T,
                "warning",
                "What the console shows: all, garbage, trace, debug, profile, info, warning, error, critical or quiet.",
            ),
            opt("log_level_logfile", TN, "null", "What the file gets; null: the same."),
            opt("log_datefmt", T, "'%H:%M:%S'", "The time on the console."),
            opt("log_datefmt_logfile", T, "'%Y-%m-%d %H:%M:%S'", "The time in the file."),
            opt("log_fmt_console", T, "'[%(levelname)-8s] %(message)s'", "A line on the console."),
            opt(
                "log_fmt_logfile",
                T,
                "'%(asctime)s,%(msecs)03d [%(name)-17s:%(lineno)-4d][%(levelname)-8s][%(process)d] %(message)s'",
                "A line of the file.",
            ),
            opt(
                "log_granular_levels",
                M,
                "{}",
                "Levels of single parts of the program, by the name of the part.",
            ),
        ],
    },
    Section {
        title: "Proxy",
        options: &[
            opt("proxy_merge_grains_in_module", B, "true", "The device's grains are grains of the minion."),
            opt(
                "proxy_merge_pillar_in_opts",
                B,
                "false",
                "The pillar's values replace options of the same name.",
            ),
            opt("proxy_deep_merge_pillar_in_opts", B, "false", "Maps of the two are merged, not replaced."),
            opt(
                "proxy_merge_pillar_in_opts_strategy",
                T,
                "smart",
                "How: smart, recurse, aggregate or overwrite.",
            ),
            opt("proxy_mines_pillar", B, "true", "mine_functions may stand in the pillar."),
            opt("proxy_always_alive", B, "true", "Keep the connection to the device between jobs."),
            opt("proxy_keep_alive", B, "true", "Look regularly whether the device is still there."),
            opt("proxy_keep_alive_interval", NUM, "1", "Minutes between such looks."),
            opt(
                "vcenter_login_refusals",
                I,
                "3",
                "Passwords that a vCenter may refuse in a row before no more are tried, so that the account is not locked; a pillar refresh allows them again. The whole list is tried at least once.",
            ),
            opt(
                "vcenter_reads",
                I,
                "16",
                "Reading calls that a vCenter is asked at once. More wait for their turn.",
            ),
            opt(
                "vcenter_writes",
                I,
                "8",
                "Changing calls that a vCenter is asked at once; reads do not wait for them.",
            ),
            opt("vcenter_tasks", I, "32", "Tasks of jobs that a vCenter does at once."),
            opt("vcenter_tasks_per_host", I, "8", "Those of them on the virtual machines of one host."),
            opt(
                "vcenter_session_idle",
                NUM,
                "600",
                "Seconds after which a session is closed that nobody uses: one that a profile or the credentials of a call have opened.",
            ),
            opt(
                "saltext.vmware",
                M,
                "",
                "vCenters for 'profile=': host, user, password(s), port, protocol, verify_ssl, ca_bundle and ssl_thumbprint below each name. May also stand in the grains or the pillar.",
            ),
        ],
    },
    Section {
        title: "Jobs",
        options: &[
            opt("process_count_max", I, "-1", "How many jobs may run at a time; -1: as many as come."),
            opt("minion_jid_queue_hwm", I, "100", "How many job ids are remembered, to know a repeated one."),
            opt("cache_jobs", B, "false", "Keep what jobs returned in cachedir."),
            opt("disable_modules", L, "[]", "Modules that are not served."),
            opt("whitelist_modules", L, "[]", "If not empty: the only modules that are served."),
            opt("schedule", M, "{}", "Jobs that run by themselves."),
            opt("beacons", M, "", "What to watch, and tell the master of."),
            opt(
                "enable_legacy_startup_events",
                B,
                "true",
                "Fire 'minion_start' besides 'salt/minion/<id>/start'.",
            ),
            opt("start_event_grains", L, "[]", "Grains that the start event carries."),
            opt("max_event_size", I, "1048576", "Bytes of an event that are sent at most."),
            opt("multifunc_ordered", B, "false", "A job of several functions returns lists, in order."),
        ],
    },
    Section {
        title: "Grains, pillar and mine",
        options: &[
            opt("grains", M, "{}", "Grains of this minion."),
            opt(
                "grains_refresh_every",
                NUM,
                "0",
                "Minutes between looks whether grains have changed; 0: none.",
            ),
            opt("grains_blacklist", L, "[]", "Grains that are left out; '*' and '?' may be used."),
            opt("grains_deep_merge", B, "false", "Merge maps of grains from several sources."),
            opt("pillarenv", TN, "null", "The environment of the pillar; null: all."),
            opt("pillarenv_from_saltenv", B, "false", "The pillar's environment is saltenv."),
            opt("pillar_raise_on_missing", B, "", "pillar.get fails for a key that is not there."),
            opt("mine_enabled", B, "true", "Send the mine at the start and at every interval."),
            opt("mine_return_job", B, "false", "Send it as a job return."),
            opt("mine_interval", NUM, "60", "Minutes between two sendings of the mine."),
            opt("mine_functions", M, "", "What the mine holds."),
        ],
    },
    Section {
        title: "States",
        options: &[
            opt("saltenv", TN, "null", "The environment of states; null: as the top file says."),
            opt("lock_saltenv", B, "false", "Refuse any other."),
            opt("state_top", T, "top.sls", "The top file."),
            opt("state_top_saltenv", TN, "null", "The only environment whose top file counts."),
            opt(
                "top_file_merging_strategy",
                T,
                "merge",
                "How top files are joined: merge, same or merge_all.",
            ),
            opt("env_order", L, "[]", "The order in which the environments' top files are joined."),
            opt("default_top", T, "base", "The environment whose top file stands in for a missing one."),
            opt("startup_states", T, "''", "What to apply at the start: 'highstate', 'sls' or 'top'."),
            opt("sls_list", L, "[]", "The SLS files of startup_states: sls."),
            opt("top_file", T, "''", "The top file of startup_states: top."),
            opt("test", B, "false", "States only say what they would do."),
            opt("failhard", B, "false", "A failed state ends the run."),
            opt("state_events", B, "false", "Fire an event for each state that is done."),
            opt("state_queue", &[Bool, Int], "false", "A state run waits for the one that is running."),
            opt("disabled_requisites", TL, "[]", "Requisites that are passed over."),
            opt("renderer", T, "jinja|yaml", "How SLS files are rendered."),
            opt(
                "template_timeout",
                NUM,
                "60",
                "Seconds after which a Jinja template is ended; waiting for functions does not count.",
            ),
            opt("template_memory", NUM, "1024", "MiB of memory after which a Jinja template is ended."),
            opt("template_output", NUM, "64", "MiB that a Jinja template may write."),
            opt("file_client", T, "remote", "'local': SLS files are read from file_roots."),
            opt(
                "file_roots",
                M,
                "{base: [/srv/salt, /srv/spm/salt]}",
                "Directories of SLS files for file_client: local.",
            ),
            opt(
                "pillar_roots",
                M,
                "{base: [/srv/pillar, /srv/spm/pillar]}",
                "Directories of pillar files for file_client: local.",
            ),
            opt("file_buffer_size", I, "262144", "Bytes of a file that are asked for at a time."),
        ],
    },
    Section {
        title: "Output of vsalt call",
        options: &[
            opt("output", T, "", "The outputter: nested, json, yaml, txt, raw, pprint, highstate and so on."),
            opt("color", B, "", "Colours, if the output goes to a terminal."),
            opt("state_verbose", B, "true", "Show states that changed nothing."),
            opt("state_output", T, "full", "How a state is shown: full, terse, mixed, changes or filter."),
            opt("state_output_diff", B, "false", "Show only states that changed something."),
            opt("state_output_profile", B, "true", "Show how long each took."),
        ],
    },
];

/// All options that Salt knows: those that vsalt acts on and those that it only keeps.
pub fn all() -> impl Iterator<Item = &'static Opt> {
    SECTIONS.iter().flat_map(|s| s.options).chain(KEPT)
}

/// A known option.
pub fn find(name: &str) -> Option<&'static Opt> {
    all().find(|o| o.name == name)
}

impl Opt {
    /// The default; none if there is none.
    pub fn default_value(&self) -> Option<Value> {
        if self.default.is_empty() {
            return None;
        }
        // A test walks over all of them, so none can fail to load.
        yaml::load(self.default).ok()
    }
}

/// The options of a proxy minion as they are without a file.
pub fn defaults() -> Map {
    all().filter_map(|o| Some((Value::from(o.name), o.default_value()?))).collect()
}

/// What an ordinary minion has other defaults for (`vsalt call` without a proxy id).
pub fn minion_defaults() -> Map {
    let mut opts = defaults();
    opts.retain(|name, _| !name.as_str().is_some_and(|n| n.starts_with("proxy_")));
    opts.remove("add_proxymodule_to_opts");
    for (name, value) in [
        ("pki_dir", "/etc/salt/pki/minion"),
        ("cachedir", "/var/cache/salt/minion"),
        ("extension_modules", "/var/cache/salt/minion/extmods"),
        ("sock_dir", "/var/run/salt/minion"),
        ("log_file", "/var/log/salt/minion"),
        ("default_include", "minion.d/*.conf"),
    ] {
        opts.insert(name, value);
    }
    opts.insert("append_minionid_config_dirs", Value::List(vec![]));
    opts.insert("master_tries", -1);
    // These belong to the other proxy: that of HTTP.
    for (name, value) in [("proxy_host", ""), ("proxy_username", ""), ("proxy_password", "")] {
        opts.insert(name, value);
    }
    opts.insert("proxy_port", 0);
    opts
}

/// The text of `proxy.example`.
pub fn example() -> String {
    let mut text = String::from(
        "# The configuration of a vSphere proxy minion: /etc/salt/proxy.\n\
         #\n\
         # Every line that is commented out shows the default. Files of proxy.d/*.conf and proxy.d/<id>/*.conf are\n\
         # read after this one; what they say wins. Options that are not listed here are kept for templates and for\n\
         # config.get.\n",
    );
    for section in SECTIONS {
        text.push_str(&format!("\n##### {} #####\n", section.title));
        for option in section.options {
            text.push('\n');
            text.push_str(&crate::wrap::comment(option.doc, 100));
            text.push_str(&format!("#{}:", option.name));
            if !option.default.is_empty() {
                text.push_str(&format!(" {}", option.default));
            }
            text.push('\n');
        }
    }
    text
}
