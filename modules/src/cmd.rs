//! Commands on the minion's own host, as the minion's user unless another is asked for.
//!
//! Facts: `salt/modules/cmdmod.py` and `salt/utils/timed_subprocess.py` of Salt 3007.17. `disable_modules: [cmd]` takes the
//! module away; `cmd_blacklist_glob` and `cmd_whitelist_glob` say which commands of a publication may run.

mod code;
mod command;
mod environment;
mod log;
mod parameters;
mod process;
mod split;
mod user;
mod which;

use salt::{Error, Function, functions, map};

use command::Stderr;
use parameters::cmd_fn;
pub use split::shlex;
pub use which::which;

/// The tables of this module.
pub const TABLES: [&[Function]; 3] = [FUNCTIONS, code::FUNCTIONS, which::FUNCTIONS];

functions![retcode, run, run_all, run_bg, run_stderr, run_stdout, shell];

cmd_fn! {
    /// Runs a command and gives what it prints.
    ///
    /// CLI Example:
    ///
    /// ```bash
    /// salt '*' cmd.run "ls -l | awk '/foo/{print \$2}'"
    /// salt '*' cmd.run "grep f" stdin='one\ntwo\nthree\nfour\nfive\n'
    /// salt '*' cmd.run cmd='sed -e s/=/:/g'
    /// ```
    run(cx, command: cmd cwd stdin runas group shell python_shell env clean_env template rstrip umask output_encoding
        output_loglevel log_callback hide_output timeout reset_system_locale ignore_retcode saltenv use_vt
        redirect_stderr_on bg password encoded_cmd raise_err prepend_path success_retcodes success_stdout
        success_stderr)
    {
        command.printed(cx).await
    }
}

cmd_fn! {
    /// Runs a line by a shell and gives what it prints.
    ///
    /// CLI Example:
    ///
    /// ```bash
    /// salt '*' cmd.shell 'echo $HOME | tr a-z A-Z'
    /// ```
    shell(cx, command: cmd cwd stdin runas group shell env clean_env template rstrip umask output_encoding
        output_loglevel log_callback hide_output timeout reset_system_locale ignore_retcode saltenv use_vt bg password
        prepend_path success_retcodes success_stdout success_stderr)
    {
        let mut command = command;
        command.redirect_stderr = true;
        let asked = command.kwargs.remove("python_shell").unwrap_or_default();
        command.python_shell = Some(asked.is_none() || asked.truthy());
        command.printed(cx).await
    }
}

cmd_fn! {
    /// Runs a command and gives its output alone.
    ///
    /// CLI Example:
    ///
    /// ```bash
    /// salt '*' cmd.run_stdout "ls -l | awk '/foo/{print \$2}'"
    /// ```
    run_stdout(cx, command: cmd cwd stdin runas group shell python_shell env clean_env template rstrip umask
        output_encoding output_loglevel log_callback hide_output timeout reset_system_locale ignore_retcode saltenv
        use_vt password prepend_path success_retcodes success_stdout success_stderr)
    {
        let ran = command.ran(cx, Stderr::Own).await?;
        Ok(if command.hide_output { "".into() } else { ran.stdout.into() })
    }
}

cmd_fn! {
    /// Runs a command and gives its error output alone.
    ///
    /// CLI Example:
    ///
    /// ```bash
    /// salt '*' cmd.run_stderr "ls /nosuch"
    /// ```
    run_stderr(cx, command: cmd cwd stdin runas group shell python_shell env clean_env template rstrip umask
        output_encoding output_loglevel log_callback hide_output timeout reset_system_locale ignore_retcode saltenv
        use_vt password prepend_path success_retcodes success_stdout success_stderr)
    {
        let ran = command.ran(cx, Stderr::Own).await?;
        Ok(if command.hide_output { "".into() } else { ran.stderr.into() })
    }
}

cmd_fn! {
    /// Runs a command and gives process id, return code, output and error output.
    ///
    /// CLI Example:
    ///
    /// ```bash
    /// salt '*' cmd.run_all "ls -l | awk '/foo/{print \$2}'"
    /// ```
    run_all(cx, command: cmd cwd stdin runas group shell python_shell env clean_env template rstrip umask
        output_encoding output_loglevel log_callback hide_output timeout reset_system_locale ignore_retcode saltenv
        use_vt redirect_stderr_off password encoded_cmd prepend_path success_retcodes success_stdout success_stderr)
    {
        let stderr = if command.redirect_stderr { Stderr::WithOutput } else { Stderr::Own };
        let mut ran = command.ran(cx, stderr).await?;
        if command.hide_output {
            (ran.stdout, ran.stderr) = Default::default();
        }
        Ok(ran.into_map().into())
    }
}

cmd_fn! {
    /// Runs a command and gives its return code.
    ///
    /// CLI Example:
    ///
    /// ```bash
    /// salt '*' cmd.retcode "file /bin/bash"
    /// ```
    retcode(cx, command: cmd cwd stdin runas group shell python_shell env clean_env template umask output_encoding
        output_loglevel log_callback timeout reset_system_locale ignore_retcode saltenv use_vt password
        success_retcodes success_stdout success_stderr)
    {
        Ok(command.ran(cx, Stderr::WithOutput).await?.retcode)
    }
}

cmd_fn! {
    /// Starts a command that nobody waits for, and gives its process id.
    ///
    /// CLI Example:
    ///
    /// ```bash
    /// salt '*' cmd.run_bg "fstrim-all"
    /// ```
    run_bg(cx, command: cmd cwd runas group shell python_shell env clean_env template umask timeout output_encoding
        output_loglevel log_callback reset_system_locale ignore_retcode saltenv password prepend_path success_retcodes
        success_stdout success_stderr)
    {
        let mut command = command;
        command.bg = true;
        let ran = command.ran(cx, Stderr::WithOutput).await?;
        let pid = ran.pid.ok_or_else(|| Error::execution("The command has no process id"))?;
        Ok(map! { "pid" => pid }.into())
    }
}
