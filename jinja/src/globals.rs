//! Jinja2's own globals.

use std::any::Any;
use std::sync::{Mutex, PoisonError};

use crate::args::Args;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::function::Function;
use crate::methods::index;
use crate::repr::repr;
use crate::state::State;
use crate::value::{Dict, Object, Range, Tuple, Value};

pub(crate) fn register(env: &mut Environment) {
    env.add_global("range", Value::object(Function::new("safe_range", range)));
    env.add_global("dict", Value::object(Function::class("dict", crate::filters::dict)));
    env.add_global("lipsum", Value::function("generate_lorem_ipsum", lipsum));
    env.add_global(
        "cycler",
        Value::object(Function::class("jinja2.utils.Cycler", |_, args| {
            if args.positional.is_empty() {
                return Err(Error::python("RuntimeError", "at least one item has to be provided"));
            }
            Ok(Value::Object(std::sync::Arc::new_cyclic(|me| Cycler {
                items: Tuple::new(args.positional),
                at: Mutex::new(0),
                me: me.clone(),
            })))
        })),
    );
    env.add_global(
        "joiner",
        Value::object(Function::class("jinja2.utils.Joiner", |_, args| {
            let sep = args.bind("Joiner.__init__", 1, &["sep"], 0)?.remove(0);
            Ok(Value::object(Joiner {
                sep: sep.unwrap_or_else(|| Value::from(", ")),
                used: Mutex::new(false),
            }))
        })),
    );
    env.add_global(
        "namespace",
        Value::object(Function::class("jinja2.utils.Namespace", |state, args| {
            match crate::filters::dict(state, args)? {
                Value::Dict(dict) => Ok(Value::object(Namespace(dict))),
                other => Ok(other),
            }
        })),
    );
}

fn range(state: &State<'_>, args: Args) -> Result<Value> {
    if !args.named.is_empty() {
        return Err(Error::type_error("safe_range() got an unexpected keyword argument"));
    }
    let n = args.positional.len();
    let numbers: Vec<i64> = args.positional.iter().map(index).collect::<Result<_>>()?;
    let (start, stop, step) = match numbers.as_slice() {
        [stop] => (0, *stop, 1),
        [start, stop] => (*start, *stop, 1),
        [start, stop, step] => (*start, *stop, *step),
        [] => return Err(Error::type_error("range expected at least 1 argument, got 0")),
        _ => return Err(Error::type_error(format!("range expected at most 3 arguments, got {n}"))),
    };
    if step == 0 {
        return Err(Error::value_error("range() arg 3 must not be zero"));
    }
    let range = Range { start, stop, step };
    let most = state.environment().settings.max_range;
    if range.len() > most {
        return Err(Error::python(
            "OverflowError",
            format!("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({most})."),
        ));
    }
    Ok(Value::Range(std::sync::Arc::new(range)))
}

/// The dict behind a namespace.
pub(crate) fn as_namespace(value: &Value) -> Option<Dict> {
    match value {
        Value::Object(o) => (&**o as &dyn Any).downcast_ref::<Namespace>().map(|n| n.0.clone()),
        _ => None,
    }
}

struct Namespace(Dict);

impl Object for Namespace {
    fn type_name(&self) -> &str {
        "Namespace"
    }
    fn module(&self) -> Option<&str> {
        Some("jinja2.utils")
    }
    fn get_attr(&self, _: &State<'_>, name: &str) -> Result<Option<Value>> {
        Ok(self.0.get_str(name))
    }
    fn repr(&self) -> String {
        format!("<Namespace {}>", repr(&Value::Dict(self.0.clone())).unwrap_or_else(|e| e.to_string()))
    }
}

struct Joiner {
    sep: Value,
    used: Mutex<bool>,
}

impl Object for Joiner {
    fn type_name(&self) -> &str {
        "Joiner"
    }
    fn module(&self) -> Option<&str> {
        Some("jinja2.utils")
    }
    fn get_attr(&self, _: &State<'_>, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "sep" => Some(self.sep.clone()),
            "used" => Some(Value::Bool(*self.used.lock().unwrap_or_else(PoisonError::into_inner))),
            _ => None,
        })
    }
    fn is_callable(&self) -> bool {
        true
    }
    fn call(&self, _: &State<'_>, args: Args) -> Result<Value> {
        args.bind("Joiner.__call__", 1, &[], 0)?;
        let used = std::mem::replace(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner), true);
        Ok(if used { self.sep.clone() } else { Value::from("") })
    }
}

struct Cycler {
    items: Tuple,
    at: Mutex<usize>,
    me: std::sync::Weak<Cycler>,
}

impl Cycler {
    fn current(&self) -> Value {
        let at = *self.at.lock().unwrap_or_else(PoisonError::into_inner);
        self.items.items().get(at).cloned().unwrap_or(Value::None)
    }
}

impl Object for Cycler {
    fn type_name(&self) -> &str {
        "Cycler"
    }
    fn module(&self) -> Option<&str> {
        Some("jinja2.utils")
    }
    fn get_attr(&self, _: &State<'_>, name: &str) -> Result<Option<Value>> {
        let Some(me) = self.me.upgrade() else { return Ok(None) };
        Ok(match name {
            "items" => Some(Value::Tuple(self.items.clone())),
            "pos" => Some(Value::from(*self.at.lock().unwrap_or_else(PoisonError::into_inner))),
            "current" => Some(self.current()),
            "next" => Some(Value::function("next", move |_, _| {
                let value = me.current();
                let mut at = me.at.lock().unwrap_or_else(PoisonError::into_inner);
                *at = (*at + 1) % me.items.items().len().max(1);
                Ok(value)
            })),
            "reset" => Some(Value::function("reset", move |_, _| {
                *me.at.lock().unwrap_or_else(PoisonError::into_inner) = 0;
                Ok(Value::None)
            })),
            _ => None,
        })
    }
}

const WORDS: &[&str] = &[
    "lorem",
    "ipsum",
    "dolor",
    "sit",
    "amet",
    "consectetuer",
    "adipiscing",
    "elit",
    "sed",
    "diam",
    "nonummy",
    "nibh",
    "euismod",
    "tincidunt",
    "laoreet",
    "magna",
    "aliquam",
    "erat",
    "volutpat",
    "ut",
    "wisi",
    "enim",
    "minim",
    "veniam",
    "quis",
    "nostrud",
];

fn lipsum(_: &State<'_>, args: Args) -> Result<Value> {
    let bound = args.bind("generate_lorem_ipsum", 0, &["n", "html", "min", "max"], 0)?;
    let number = |i: usize, default: i64| bound[i].as_ref().map_or(Ok(default), index);
    let html = bound[1].as_ref().map_or(Ok(true), Value::truth)?;
    let (n, min, max) = (number(0, 5)?.clamp(0, 1000), number(2, 20)?, number(3, 100)?);
    if max <= min {
        return Err(Error::value_error(format!("empty range for randrange() ({min}, {max}, {})", max - min)));
    }
    let mut paragraphs = Vec::new();
    for _ in 0..n {
        let mut text = String::new();
        let count = min + i64::from(crate::filters::random()) % (max - min);
        let mut start = true;
        for i in 0..count.clamp(0, 10_000) {
            let word = WORDS[crate::filters::random() as usize % WORDS.len()];
            if i > 0 {
                text.push(' ');
            }
            text.push_str(&if start { crate::methods::text::capitalize(word) } else { word.to_owned() });
            start = i % 12 == 11 && i + 1 < count;
            if start {
                text.push('.');
            }
        }
        text.push('.');
        paragraphs.push(text);
    }
    if !html {
        return Ok(Value::from(paragraphs.join("\n\n")));
    }
    let tagged: Vec<String> = paragraphs.iter().map(|p| format!("<p>{p}</p>")).collect();
    Ok(Value::Markup(tagged.join("\n").into()))
}
