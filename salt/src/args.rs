//! Arguments: from the list in a publication to the typed parameters of a function.

use crate::function::{Default, Function, Param};
use crate::{Error, Map, Result, Value};

/// The arguments of one call, before they are bound to parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Args {
    /// Positional arguments.
    pub positional: Vec<Value>,
    /// Keyword arguments.
    pub keywords: Map,
}

/// Arguments that fit a function: one value a parameter, in order, and what is left for `*args` and `**kwargs`.
#[derive(Debug)]
pub struct Bound {
    values: std::vec::IntoIter<Value>,
    params: std::slice::Iter<'static, Param>,
    varargs: Vec<Value>,
    kwargs: Map,
}

impl Args {
    /// No arguments.
    pub fn none() -> Args {
        Args::default()
    }

    /// Positional arguments only.
    pub fn of<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Args {
        Args { positional: items.into_iter().map(Into::into).collect(), keywords: Map::new() }
    }

    /// One more keyword.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Args {
        self.keywords.insert(key, value);
        self
    }

    /// The `arg` of a publication: maps marked `__kwarg__` are keywords, text of the form `name=value` is one too, its
    /// value read as YAML (`salt/minion.py`, `load_args_and_kwargs`; `salt/utils/args.py`, `parse_input`).
    pub fn from_load(arg: &[Value]) -> Args {
        let mut args = Args::none();
        for item in arg {
            match item {
                Value::Map(map) if map.get("__kwarg__").is_some_and(Value::truthy) => {
                    for (key, value) in map {
                        if key.as_str() != Some("__kwarg__") {
                            args.keywords.insert(key.clone(), value.clone());
                        }
                    }
                }
                Value::Str(word) => match split_keyword(word) {
                    Some((name, value)) => {
                        args.keywords.insert(name, yamlify(value));
                    }
                    None => args.positional.push(item.clone()),
                },
                other => args.positional.push(other.clone()),
            }
        }
        args
    }

    /// Words of a command line, as `salt` and `salt-call` read them: every word is yamlified, `name=value` is a keyword.
    pub fn from_words<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Args {
        let mut args = Args::none();
        for word in words {
            let word = word.as_ref();
            match split_keyword(word) {
                Some((name, value)) => {
                    args.keywords.insert(name, yamlify(value));
                }
                None => args.positional.push(yamlify(word)),
            }
        }
        args
    }

    /// The arguments as a publication carries them (`fun_args` of a return).
    pub fn to_load(&self) -> Vec<Value> {
        let mut arg = self.positional.clone();
        if !self.keywords.is_empty() {
            let mut map = Map::new().with("__kwarg__", true);
            map.extend(self.keywords.clone());
            arg.push(map.into());
        }
        arg
    }

    /// Binds the arguments to the parameters of a function.
    ///
    /// # Errors
    /// [`Error::Arguments`] with Python's own sentence for too many, too few or doubled arguments,
    /// [`Error::Invocation`] for keywords that the function does not have.
    pub fn bind(self, function: &'static Function) -> Result<Bound> {
        let Args { mut positional, mut keywords } = self;
        let params = function.params;
        let name = function.ident;
        let unknown: Vec<String> = keywords
            .iter()
            .filter(|(k, _)| !k.as_str().is_some_and(|k| params.iter().any(|p| p.name == k)))
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        if !function.kwargs && !unknown.is_empty() {
            return Err(Error::Invocation(format!(
                "The following keyword arguments are not valid: {}",
                unknown.join(", ")
            )));
        }
        let places = params.iter().filter(|p| !p.keyword_only).count();
        if positional.len() > places && !function.varargs {
            return Err(Error::Arguments(too_many(function, positional.len())));
        }
        let varargs = positional.split_off(positional.len().min(places));
        let mut values = Vec::with_capacity(params.len());
        let mut missing = Vec::new();
        let mut given = positional.into_iter();
        for param in params {
            let keyword = keywords.remove(param.name);
            let place = if param.keyword_only { None } else { given.next() };
            match (place, keyword, param.default.value()) {
                (Some(_), Some(_), _) => {
                    return Err(Error::Arguments(format!(
                        "{name}() got multiple values for argument '{}'",
                        param.name
                    )));
                }
                (Some(value), None, _) | (None, Some(value), _) | (None, None, Some(value)) => {
                    values.push(value)
                }
                (None, None, None) => missing.push(format!("'{}'", param.name)),
            }
        }
        if !missing.is_empty() {
            return Err(Error::Arguments(format!(
                "{name}() missing {} required positional argument{}: {}",
                missing.len(),
                if missing.len() == 1 { "" } else { "s" },
                and_list(&missing),
            )));
        }
        Ok(Bound { values: values.into_iter(), params: params.iter(), varargs, kwargs: keywords })
    }
}

/// Names in an English list as CPython writes it: `'a'`, `'a' and 'b'`, `'a', 'b', and 'c'`.
fn and_list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [rest @ .., last] => format!("{}, and {last}", rest.join(", ")),
    }
}

fn too_many(function: &Function, given: usize) -> String {
    let most = function.params.len();
    let least = function.params.iter().filter(|p| matches!(p.default, Default::Required)).count();
    let takes = if least == most { most.to_string() } else { format!("from {least} to {most}") };
    format!(
        "{}() takes {takes} positional argument{} but {given} {} given",
        function.ident,
        if most == 1 && least == most { "" } else { "s" },
        if given == 1 { "was" } else { "were" },
    )
}

impl Bound {
    /// The value of the next parameter, converted. The macros call this once a parameter, in order.
    ///
    /// # Errors
    /// [`Error::Invocation`] that names the parameter and what it got.
    pub fn take<T: FromValue>(&mut self) -> Result<T> {
        let value = self.values.next().unwrap_or_default();
        let name = self.params.next().map_or("", |p| p.name);
        T::from_value(value).map_err(|e| Error::Invocation(format!("Argument '{name}' {e}")))
    }

    /// What is left for `*args`.
    pub fn varargs(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.varargs)
    }

    /// What is left for `**kwargs`.
    pub fn kwargs(&mut self) -> Map {
        std::mem::take(&mut self.kwargs)
    }
}

/// Splits `name=value` as Salt does (`salt/utils/args.py`, `KWARG_REGEX`): the name begins with a letter or underscore and
/// goes on with those, digits, dots and hyphens; the value is one line, and no comparison (`a==b`).
pub fn split_keyword(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let mut chars = name.chars();
    let first = chars.next()?;
    let named = (first.is_alphabetic() || first == '_')
        && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'));
    // Python's `$` lets one line feed follow, which is no part of the value.
    let value = value.strip_suffix('\n').unwrap_or(value);
    (named && !value.starts_with('=') && !value.contains('\n')).then_some((name, value))
}

pub use crate::yamlify::yamlify;

/// What a parameter's type makes of a value.
pub trait FromValue: Sized {
    /// The converted value, or the rest of the sentence "Argument 'x' …".
    ///
    /// # Errors
    /// A sentence such as `must be a whole number, got 'x'`.
    fn from_value(value: Value) -> Result<Self, String>;
}

fn expected<T>(what: &str, got: &Value) -> Result<T, String> {
    Err(format!("must be {what}, got {}", got.repr()))
}

impl FromValue for Value {
    fn from_value(value: Value) -> Result<Value, String> {
        Ok(value)
    }
}

/// Text. Numbers and booleans are taken as Python's `str` gives them, since the CLI turns `vm_name=123` into a number.
impl FromValue for String {
    fn from_value(value: Value) -> Result<String, String> {
        match value {
            Value::Str(s) => Ok(s),
            Value::Int(_) | Value::BigInt(_) | Value::Float(_) | Value::Bool(_) => Ok(value.to_string()),
            other => expected("text", &other),
        }
    }
}

impl FromValue for bool {
    fn from_value(value: Value) -> Result<bool, String> {
        match &value {
            Value::Bool(b) => Ok(*b),
            Value::Int(0) => Ok(false),
            Value::Int(1) => Ok(true),
            Value::Str(s) if s.eq_ignore_ascii_case("true") => Ok(true),
            Value::Str(s) if s.eq_ignore_ascii_case("false") => Ok(false),
            other => expected("true or false", other),
        }
    }
}

impl FromValue for i64 {
    fn from_value(value: Value) -> Result<i64, String> {
        match &value {
            Value::Int(n) => Ok(*n),
            Value::Bool(b) => Ok(i64::from(*b)),
            Value::Float(x) if x.fract() == 0.0 && x.abs() < 9.0e15 => Ok(*x as i64),
            Value::Str(s) => match s.trim().parse() {
                Ok(n) => Ok(n),
                Err(_) => expected("a whole number", &value),
            },
            other => expected("a whole number", other),
        }
    }
}

impl FromValue for u64 {
    fn from_value(value: Value) -> Result<u64, String> {
        let number = i64::from_value(value)?;
        u64::try_from(number).map_err(|_| format!("must not be negative, got {number}"))
    }
}

impl FromValue for f64 {
    fn from_value(value: Value) -> Result<f64, String> {
        match &value {
            Value::Str(s) => match s.trim().parse::<f64>() {
                Ok(x) if x.is_finite() => Ok(x),
                _ => expected("a number", &value),
            },
            other => match other.as_f64() {
                Some(x) => Ok(x),
                None => expected("a number", other),
            },
        }
    }
}

impl FromValue for Map {
    fn from_value(value: Value) -> Result<Map, String> {
        match value {
            Value::Map(m) => Ok(m),
            other => expected("a mapping", &other),
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Option<T>, String> {
        match value {
            Value::None => Ok(None),
            other => T::from_value(other).map(Some),
        }
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: Value) -> Result<Vec<T>, String> {
        match value {
            Value::List(items) => items.into_iter().map(T::from_value).collect(),
            other => expected("a list", &other),
        }
    }
}

/// One item, a list of them, or text with commas: how most of Salt's list arguments can be given on a command line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Words(pub Vec<String>);

impl FromValue for Words {
    fn from_value(value: Value) -> Result<Words, String> {
        match value {
            Value::List(items) => {
                items.into_iter().map(String::from_value).collect::<Result<_, _>>().map(Words)
            }
            other => {
                let text = String::from_value(other)?;
                Ok(Words(
                    text.split(',').map(str::trim).filter(|w| !w.is_empty()).map(str::to_string).collect(),
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{list, map};

    mod sample {
        use crate::{Context, Map, Result, Value, functions, map, salt_fn};

        functions![echo, many, list_, any, named];

        /// Gives the text back. Nothing else.
        ///
        /// More.
        #[salt_fn]
        async fn echo(
            _cx: &Context,
            /// What to give back.
            text: Value,
        ) -> Result<Value> {
            Ok(text)
        }

        /// Takes several.
        #[salt_fn(out = "nested")]
        async fn many(
            _cx: &Context,
            one: String,
            two: i64,
            #[default(-3)] three: i64,
            four: Option<bool>,
            #[default([])] five: Vec<String>,
        ) -> Result<Value> {
            Ok(map! { "sum" => two + three, "one" => one, "four" => four, "five" => five }.into())
        }

        /// Lists.
        #[salt_fn]
        async fn list_(_cx: &Context) -> Result<bool> {
            Ok(true)
        }

        /// Takes anything.
        #[salt_fn(name = "try")]
        async fn any(_cx: &Context, #[args] args: Vec<Value>, #[kwargs] kwargs: Map) -> Result<Value> {
            Ok(map! { "args" => args, "kwargs" => kwargs }.into())
        }

        /// Takes one by name only.
        #[salt_fn]
        async fn named(
            _cx: &Context,
            #[args] args: Vec<Value>,
            #[default(NOT_SET)] default: Value,
        ) -> Result<Value> {
            Ok(map! { "args" => args, "default" => default }.into())
        }
    }

    fn function(name: &str) -> &'static Function {
        sample::FUNCTIONS.iter().find(|f| f.name() == name).expect("a sample function")
    }

    fn fails(name: &str, args: Args) -> String {
        args.bind(function(name)).map(|_| ()).expect_err("these arguments are wrong").to_string()
    }

    #[test]
    fn a_declaration_gives_argspec_doc_and_names() {
        let many = function("many");
        assert_eq!(many.module(), "args");
        assert_eq!(many.out, Some("nested"));
        assert_eq!(
            Value::from(many.argspec()),
            map! {
                "args" => ["one", "two", "three", "four", "five"],
                "defaults" => list![-3, Value::None, list![]],
                "varargs" => Value::None,
                "kwargs" => Value::None,
            }
            .into()
        );
        assert_eq!(many.usage(), "args.many(one, two, three=-3, four=None, five=[])");
        let echo = function("echo");
        assert_eq!(echo.summary(), "Gives the text back.");
        assert_eq!(
            echo.doc_text(),
            "Gives the text back. Nothing else.\n\nMore.\n\ntext\n    What to give back.\n"
        );
        assert_eq!(function("list").full_name(), "args.list");
        assert!(function("try").varargs && function("try").kwargs);
    }

    #[test]
    fn wrong_calls_get_pythons_sentences() {
        assert_eq!(fails("echo", Args::none()), "echo() missing 1 required positional argument: 'text'");
        assert_eq!(
            fails("many", Args::none()),
            "many() missing 2 required positional arguments: 'one' and 'two'"
        );
        assert_eq!(
            fails("echo", Args::of(["a", "b"])),
            "echo() takes 1 positional argument but 2 were given"
        );
        assert_eq!(
            fails("many", Args::of(["a"; 7])),
            "many() takes from 2 to 5 positional arguments but 7 were given"
        );
        assert_eq!(
            fails("echo", Args::of(["a"]).with("text", "b")),
            "echo() got multiple values for argument 'text'"
        );
        assert_eq!(
            fails("echo", Args::of(["a"]).with("foo", "bar").with("b", 1)),
            "The following keyword arguments are not valid: foo=bar, b=1"
        );
    }

    #[test]
    fn what_stands_after_the_varargs_is_reached_by_name_only() {
        let mut bound = Args::of(["a", "b"]).bind(function("named")).expect("good arguments");
        assert_eq!(bound.varargs(), ["a".into(), "b".into()]);
        assert_eq!(bound.take::<Value>(), Ok(crate::function::not_set()));
        let mut bound = Args::of(["a"]).with("default", 1).bind(function("named")).expect("good arguments");
        assert_eq!(bound.take::<Value>(), Ok(1.into()));
        assert_eq!(function("named").usage(), "args.named(*args, default=NOT_SET)");
    }

    #[test]
    fn defaults_and_conversions() {
        let mut bound =
            Args::of([Value::Int(7)]).with("two", "5").bind(function("many")).expect("good arguments");
        assert_eq!(bound.take::<String>(), Ok("7".into()));
        assert_eq!(bound.take::<i64>(), Ok(5));
        assert_eq!(bound.take::<i64>(), Ok(-3));
        assert_eq!(bound.take::<Option<bool>>(), Ok(None));
        let mut bound = Args::of(["x", "y"]).bind(function("many")).expect("good arguments");
        assert_eq!(bound.take::<String>(), Ok("x".into()));
        assert_eq!(
            bound.take::<i64>(),
            Err(Error::Invocation("Argument 'two' must be a whole number, got 'y'".into()))
        );
    }

    #[test]
    fn keywords_are_split_as_by_salts_expression() {
        assert_eq!(split_keyword("a.b-c=1=2"), Some(("a.b-c", "1=2")));
        assert_eq!(split_keyword("ä_1="), Some(("ä_1", "")));
        for plain in ["=x", "1a=x", "a b=x", "a==x", "a=x\ny", "-a=x", "a"] {
            assert_eq!(split_keyword(plain), None, "{plain:?}");
        }
    }

    #[test]
    fn a_publications_arguments() {
        let arg = [
            Value::Int(1),
            "two".into(),
            "x=1".into(),
            "a==b".into(),
            map! { "__kwarg__" => true, "k" => "v" }.into(),
            map! { "plain" => "map" }.into(),
        ];
        let args = Args::from_load(&arg);
        assert_eq!(
            args.positional,
            [Value::Int(1), "two".into(), "a==b".into(), map! { "plain" => "map" }.into()]
        );
        assert_eq!(args.keywords, map! { "x" => 1, "k" => "v" });
        assert_eq!(
            Args::of([1i64]).with("k", "v").to_load()[1],
            map! { "__kwarg__" => true, "k" => "v" }.into()
        );
    }
}
