//! `#[salt_fn]` and `#[salt_state]`: the declaration of a function that users can call.
//!
//! The function stays as it is written. Beside it comes a module of the same name with `FUNCTION`, the description
//! that documentation, argspec and binding are derived from. Only the signature is looked at, the body passes
//! through, so editors and rustfmt see ordinary Rust.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{
    Attribute, Expr, ExprLit, FnArg, ItemFn, Lit, LitStr, Meta, Pat, Token, Type, UnOp, parse_macro_input,
    punctuated::Punctuated, spanned::Spanned,
};

/// Declares an execution function: `async fn(cx: &Context, …) -> Result<impl Into<Value>>`.
///
/// Attribute keys: `name = "try"` (Salt's name where it is no Rust identifier), `out = "highstate"` (outputter),
/// `proxies("esxi", "vcenter")` (the proxy types that the function runs on; without a word: on all).
/// Parameter attributes: doc comments; `#[default(300)]`; `#[required]` on an `Option` without a default;
/// `#[args]` for `*args` (`Vec<Value>`); `#[kwargs]` for `**kwargs` (`Map`). An `Option` defaults to `None`. What
/// stands after `#[args]` is reached by a keyword only.
#[proc_macro_attribute]
pub fn salt_fn(attr: TokenStream, item: TokenStream) -> TokenStream {
    let mut options = Options::default();
    let parser = syn::meta::parser(|meta| options.read(&meta));
    parse_macro_input!(attr with parser);
    expand(parse_macro_input!(item as ItemFn), &options, Kind::Execution)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Declares a state function: `async fn(cx: &Context, name: String, …) -> Result<impl Into<Outcome>>`, with the keys and
/// parameter attributes of [`macro@salt_fn`].
#[proc_macro_attribute]
pub fn salt_state(attr: TokenStream, item: TokenStream) -> TokenStream {
    let mut options = Options::default();
    let parser = syn::meta::parser(|meta| options.read(&meta));
    parse_macro_input!(attr with parser);
    expand(parse_macro_input!(item as ItemFn), &options, Kind::State)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Execution,
    State,
}

#[derive(Default)]
struct Options {
    name: Option<LitStr>,
    out: Option<LitStr>,
    proxies: Vec<LitStr>,
}

impl Options {
    fn read(&mut self, meta: &syn::meta::ParseNestedMeta<'_>) -> syn::Result<()> {
        if meta.path.is_ident("name") {
            self.name = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("out") {
            self.out = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("proxies") {
            let list;
            syn::parenthesized!(list in meta.input);
            self.proxies = Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?.into_iter().collect();
        } else {
            return Err(meta.error("the keys are `name`, `out` and `proxies`"));
        }
        Ok(())
    }
}

fn expand(mut item: ItemFn, options: &Options, kind: Kind) -> syn::Result<Tokens> {
    let ident = item.sig.ident.clone();
    let doc = doc_of(&item.attrs);
    if doc.is_empty() {
        return Err(syn::Error::new(ident.span(), "a function that users can call needs a doc comment"));
    }
    if item.sig.asyncness.is_none() {
        return Err(syn::Error::new(ident.span(), "must be `async fn`"));
    }
    let mut params = Vec::new();
    let mut reads = Vec::new();
    let (mut varargs, mut kwargs) = (false, false);
    for (i, input) in item.sig.inputs.iter_mut().enumerate() {
        let FnArg::Typed(arg) = input else {
            return Err(syn::Error::new(input.span(), "a function has no self"));
        };
        if i == 0 {
            if !matches!(&*arg.ty, Type::Reference(_)) {
                return Err(syn::Error::new(arg.ty.span(), "the first parameter is `cx: &Context`"));
            }
            continue;
        }
        let taken = Attributes::take(&mut arg.attrs)?;
        let Pat::Ident(pat) = &*arg.pat else {
            return Err(syn::Error::new(arg.pat.span(), "a parameter is a plain name"));
        };
        if taken.args {
            varargs = true;
            reads.push(quote!(bound.varargs()));
            continue;
        }
        if taken.kwargs {
            kwargs = true;
            reads.push(quote!(bound.kwargs()));
            continue;
        }
        let raw = pat.ident.to_string();
        let name = raw.trim_start_matches("r#");
        let name = name.strip_suffix('_').unwrap_or(name);
        let default = match (taken.default, taken.required, is_option(&arg.ty)) {
            (Some(default), false, _) => default,
            (None, false, true) => quote!(::salt::function::Default::None),
            (None, _, _) => quote!(::salt::function::Default::Required),
            (Some(_), true, _) => {
                return Err(syn::Error::new(pat.span(), "a required parameter has no default"));
            }
        };
        let doc = taken.doc;
        params.push(quote!(::salt::Param {
            name: #name,
            doc: #doc,
            default: #default,
            keyword_only: #varargs,
        }));
        reads.push(quote!(bound.take()?));
    }
    let rename = option(options.name.as_ref());
    let out = option(options.out.as_ref());
    let proxies = &options.proxies;
    let ident_text = ident.to_string();
    let values: Vec<_> = (0..reads.len()).map(|i| quote::format_ident!("a{i}")).collect();
    let body = quote! {
        // Bound in the order of the parameters; the calls of `take` must not be reordered.
        #(let #values = #reads;)*
        let _ = &mut bound;
        super::#ident(cx, #(#values),*).await.map(::core::convert::Into::into)
    };
    let call = match kind {
        Kind::Execution => quote!(::salt::function::Call::Execution(|cx, mut bound| {
            ::std::boxed::Box::pin(async move { #body })
        })),
        Kind::State => quote!(::salt::function::Call::State(|cx, mut bound| {
            ::std::boxed::Box::pin(async move { #body })
        })),
    };
    Ok(quote! {
        #[allow(clippy::too_many_arguments, reason = "how many there are is Salt's doing")]
        #item

        #[doc(hidden)]
        mod #ident {
            pub(super) const FUNCTION: ::salt::Function = ::salt::Function {
                path: ::core::module_path!(),
                ident: #ident_text,
                rename: #rename,
                doc: #doc,
                params: &[#(#params),*],
                varargs: #varargs,
                kwargs: #kwargs,
                out: #out,
                proxies: &[#(#proxies),*],
                file: ::core::file!(),
                line: ::core::line!(),
                call: #call,
            };
        }
    })
}

fn option(value: Option<&LitStr>) -> Tokens {
    match value {
        Some(text) => quote!(::core::option::Option::Some(#text)),
        None => quote!(::core::option::Option::None),
    }
}

/// What is written above a parameter; taken off, since Rust has no such attributes.
#[derive(Default)]
struct Attributes {
    doc: String,
    default: Option<Tokens>,
    required: bool,
    args: bool,
    kwargs: bool,
}

impl Attributes {
    fn take(attrs: &mut Vec<Attribute>) -> syn::Result<Attributes> {
        let mut taken = Attributes { doc: doc_of(attrs), ..Attributes::default() };
        let mut rest = Vec::new();
        for attr in attrs.drain(..) {
            if attr.path().is_ident("doc") {
                continue;
            } else if attr.path().is_ident("default") {
                taken.default = Some(default_of(&attr.parse_args()?)?);
            } else if attr.path().is_ident("required") {
                taken.required = true;
            } else if attr.path().is_ident("args") {
                taken.args = true;
            } else if attr.path().is_ident("kwargs") {
                taken.kwargs = true;
            } else {
                rest.push(attr);
            }
        }
        *attrs = rest;
        Ok(taken)
    }
}

fn default_of(expr: &Expr) -> syn::Result<Tokens> {
    let wrong = || {
        syn::Error::new(
            expr.span(),
            "a default is a literal, a list of texts, `None`, `NOT_SET`, `[]` or `{}`",
        )
    };
    Ok(match expr {
        Expr::Lit(ExprLit { lit, .. }) => match lit {
            Lit::Bool(b) => quote!(::salt::function::Default::Bool(#b)),
            Lit::Int(n) => quote!(::salt::function::Default::Int(#n)),
            Lit::Float(x) => quote!(::salt::function::Default::Float(#x)),
            Lit::Str(s) => quote!(::salt::function::Default::Str(#s)),
            _ => return Err(wrong()),
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => match &*unary.expr {
            Expr::Lit(ExprLit { lit: Lit::Int(n), .. }) => quote!(::salt::function::Default::Int(-#n)),
            Expr::Lit(ExprLit { lit: Lit::Float(x), .. }) => quote!(::salt::function::Default::Float(-#x)),
            _ => return Err(wrong()),
        },
        Expr::Path(path) if path.path.is_ident("None") => quote!(::salt::function::Default::None),
        Expr::Path(path) if path.path.is_ident("NOT_SET") => quote!(::salt::function::Default::NotSet),
        Expr::Array(array) => {
            let text = |elem: &Expr| match elem {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.clone()),
                _ => Err(wrong()),
            };
            let texts = array.elems.iter().map(text).collect::<syn::Result<Vec<_>>>()?;
            quote!(::salt::function::Default::Texts(&[#(#texts),*]))
        }
        Expr::Block(block) if block.block.stmts.is_empty() => quote!(::salt::function::Default::EmptyMap),
        _ => return Err(wrong()),
    })
}

fn is_option(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|s| s.ident == "Option"))
}

/// The doc comment without the blank that follows each `///`.
fn doc_of(attrs: &[Attribute]) -> String {
    let mut text = String::new();
    for attr in attrs.iter().filter(|a| a.path().is_ident("doc")) {
        if let Meta::NameValue(pair) = &attr.meta
            && let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &pair.value
        {
            let line = line.value();
            text.push_str(line.strip_prefix(' ').unwrap_or(&line));
            text.push('\n');
        }
    }
    text.trim_end().to_string()
}
