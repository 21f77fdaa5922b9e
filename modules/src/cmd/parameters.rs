//! The declaration of functions whose parameters are those of a command.

/// Declares a function that runs a command. The parameters are many, nearly the same in all functions, and in an order
/// that differs between them; so each has its type, default and text once, here, and a function names those that it has.
/// What stands behind the names is the body.
macro_rules! cmd_fn {
    ($(#[$($doc:tt)*])+ $name:ident($cx:ident, $command:ident: $($param:ident)+) $body:block) => {
        $crate::cmd::parameters::cmd_fn!{@ {[$(#[$($doc)*])+] $name $cx $command $body} [] [] $($param)+}
    };
    (@ {[$($doc:tt)+] $name:ident $cx:ident $command:ident $body:block} [$($param:tt)*] [$($set:ident)*]) => {
        $($doc)+
        #[::salt::salt_fn]
        #[allow(unused_variables, reason = "what only other systems have is taken, and has no effect")]
        async fn $name(
            $cx: &::salt::Context,
            $($param)*
            #[kwargs] kwargs: ::salt::Map,
        ) -> ::salt::Result<::salt::Value> {
            let $command = $crate::cmd::command::Command {
                $($set,)*
                kwargs,
                ..$crate::cmd::command::Command::default()
            };
            $body
        }
    };
    // A parameter that counts, and one that is only taken.
    (+ $f:tt [$($params:tt)*] [$($set:ident)*] [$($rest:ident)*] $name:ident {$($param:tt)+}) => {
        $crate::cmd::parameters::cmd_fn!{@ $f [$($params)* $($param)+,] [$($set)* $name] $($rest)*}
    };
    (- $f:tt [$($params:tt)*] $set:tt [$($rest:ident)*] {$($param:tt)+}) => {
        $crate::cmd::parameters::cmd_fn!{@ $f [$($params)* $($param)+,] $set $($rest)*}
    };
    (@ $f:tt $p:tt $s:tt cmd $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] cmd {
            /// The command: a line, or a list of its words.
            cmd: ::salt::Value
        }}
    };
    (@ $f:tt $p:tt $s:tt cwd $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] cwd {
            /// The directory to run in; the home of the user without it.
            cwd: Option<String>
        }}
    };
    (@ $f:tt $p:tt $s:tt stdin $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] stdin {
            /// What the command reads. `\n` in it stands for a line's end.
            stdin: Option<String>
        }}
    };
    (@ $f:tt $p:tt $s:tt runas $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] runas {
            /// The user to run as, in that user's environment.
            runas: Option<String>
        }}
    };
    (@ $f:tt $p:tt $s:tt group $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] group {
            /// The group to run as.
            group: Option<String>
        }}
    };
    (@ $f:tt $p:tt $s:tt shell $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] shell {
            /// The shell; `/bin/sh` where there is no `bash`.
            #[default("/bin/bash")]
            shell: Option<String>
        }}
    };
    (@ $f:tt $p:tt $s:tt python_shell $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] python_shell {
            /// Let a shell read the line. Without a word it does for a job of the master, and not for a call from within.
            python_shell: Option<bool>
        }}
    };
    (@ $f:tt $p:tt $s:tt env $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] env {
            /// Variables of the environment: a map, or a list of maps.
            env: Option<::salt::Value>
        }}
    };
    (@ $f:tt $p:tt $s:tt clean_env $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] clean_env {
            /// Only the variables of `env`.
            #[default(false)]
            clean_env: bool
        }}
    };
    (@ $f:tt $p:tt $s:tt template $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] template {
            /// The engine that renders command and directory first. There is none for that here.
            template: Option<String>
        }}
    };
    (@ $f:tt $p:tt $s:tt rstrip $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] rstrip {
            /// Cut white space off the end of what is printed.
            #[default(true)]
            rstrip: bool
        }}
    };
    (@ $f:tt $p:tt $s:tt umask $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] umask {
            /// The umask, in octal digits.
            umask: Option<::salt::Value>
        }}
    };
    (@ $f:tt $p:tt $s:tt output_encoding $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] output_encoding {
            /// How the output is encoded: `utf-8`, `ascii` or `latin-1`.
            output_encoding: Option<String>
        }}
    };
    (@ $f:tt $p:tt $s:tt output_loglevel $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] output_loglevel {
            /// The level at which output is logged; `quiet` for not at all.
            #[default("debug")]
            output_loglevel: Option<String>
        }}
    };
    (@ $f:tt $p:tt $s:tt hide_output $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] hide_output {
            /// Return no output.
            #[default(false)]
            hide_output: bool
        }}
    };
    (@ $f:tt $p:tt $s:tt timeout $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] timeout {
            /// Seconds after which the command is killed.
            timeout: Option<::salt::Value>
        }}
    };
    (@ $f:tt $p:tt $s:tt reset_system_locale $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] reset_system_locale {
            /// Run in the locale `C`.
            #[default(true)]
            reset_system_locale: bool
        }}
    };
    (@ $f:tt $p:tt $s:tt ignore_retcode $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] ignore_retcode {
            /// Keep the return code of the command out of the job's, and its failure out of the log.
            #[default(false)]
            ignore_retcode: bool
        }}
    };
    (@ $f:tt $p:tt $s:tt saltenv $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] saltenv {
            /// The environment of files.
            saltenv: Option<String>
        }}
    };
    (@ $f:tt $p:tt $s:tt redirect_stderr_on $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] redirect_stderr {
            /// Put the error output into the output.
            #[default(true)]
            redirect_stderr: bool
        }}
    };
    (@ $f:tt $p:tt $s:tt redirect_stderr_off $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] redirect_stderr {
            /// Put the error output into the output.
            #[default(false)]
            redirect_stderr: bool
        }}
    };
    (@ $f:tt $p:tt $s:tt bg $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] bg {
            /// Run in the background: nobody waits for the end, nothing that is printed is seen.
            #[default(false)]
            bg: bool
        }}
    };
    (@ $f:tt $p:tt $s:tt raise_err $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] raise_err {
            /// Fail with the output as the message if the command fails.
            #[default(false)]
            raise_err: bool
        }}
    };
    (@ $f:tt $p:tt $s:tt prepend_path $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] prepend_path {
            /// What is put in front of the variable `PATH`.
            prepend_path: Option<String>
        }}
    };
    (@ $f:tt $p:tt $s:tt success_retcodes $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] success_retcodes {
            /// Return codes that count as 0.
            success_retcodes: Option<::salt::Value>
        }}
    };
    (@ $f:tt $p:tt $s:tt success_stdout $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] success_stdout {
            /// Texts that make the return code 0 when the output has one of them.
            success_stdout: Option<::salt::Value>
        }}
    };
    (@ $f:tt $p:tt $s:tt success_stderr $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] success_stderr {
            /// Texts that make the return code 0 when the error output has one of them.
            success_stderr: Option<::salt::Value>
        }}
    };
    (@ $f:tt $p:tt $s:tt source $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] source {
            /// The script: a file of the server (`salt://`) or of this machine.
            source: String
        }}
    };
    (@ $f:tt $p:tt $s:tt args $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{+ $f $p $s [$($rest)*] args {
            /// The arguments of the script: a line, or a list of words.
            args: Option<::salt::Value>
        }}
    };
    (@ $f:tt $p:tt $s:tt log_callback $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{- $f $p $s [$($rest)*] {
            /// Taken for compatibility: a function can't be passed in a job.
            log_callback: Option<::salt::Value>
        }}
    };
    (@ $f:tt $p:tt $s:tt use_vt $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{- $f $p $s [$($rest)*] {
            /// Taken for compatibility: there is no terminal here.
            #[default(false)]
            use_vt: bool
        }}
    };
    (@ $f:tt $p:tt $s:tt password $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{- $f $p $s [$($rest)*] {
            /// Taken for compatibility: only Windows asks for it.
            password: Option<String>
        }}
    };
    (@ $f:tt $p:tt $s:tt encoded_cmd $($rest:ident)*) => {
        $crate::cmd::parameters::cmd_fn!{- $f $p $s [$($rest)*] {
            /// Taken for compatibility: only PowerShell knows it.
            #[default(false)]
            encoded_cmd: bool
        }}
    };
}
pub(super) use cmd_fn;
