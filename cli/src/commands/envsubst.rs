//! `envsubst`: substitutes environment variables in a text as Kustomizations substitute theirs.

use std::io::{self, BufRead, Write};

use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use sluice_expr::envsubst::{self, Missing, Variables};

use crate::context::Context;

/// Arguments of `envsubst`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Fail when a variable has neither value nor default
    #[arg(long)]
    strict: bool,
}

/// Runs the command: from the standard input to the standard output.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let missing = if arguments.strict { Missing::Error } else { Missing::Empty };
    // What is no UTF-8 can't be named in a text.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    substitute(io::stdin().lock(), context.output.pieces(), &variables, missing)
}

/// Line by line: what is written before an error stays, and a reader sees each line as soon as it is there.
fn substitute(
    mut input: impl BufRead,
    mut output: impl Write,
    variables: &Variables,
    missing: Missing,
) -> Result<()> {
    let mut line = Vec::new();
    let mut number = 0_usize;
    while input.read_until(b'\n', &mut line).context("read the standard input")? > 0 {
        number += 1;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let text = std::str::from_utf8(text).with_context(|| format!("line {number} is not UTF-8"))?;
        let expanded = envsubst::expand(text, variables, missing).map_err(|error| located(&error, number))?;
        output.write_all(expanded.as_bytes())?;
        output.write_all(b"\n")?;
        output.flush()?;
        line.clear();
    }
    Ok(())
}

/// The error with the line of the whole text: by itself it knows of one line only.
fn located(error: &envsubst::Error, number: usize) -> anyhow::Error {
    let detail = error.detail();
    match detail.strip_prefix("line 1") {
        Some(rest) => anyhow!("{error}; line {number}{rest}"),
        None => anyhow!("{error}; {detail}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, missing: Missing) -> (String, Result<()>) {
        let variables = [("region".to_owned(), "eu".to_owned()), ("empty".to_owned(), String::new())].into();
        let mut output = Vec::new();
        let result = substitute(text.as_bytes(), &mut output, &variables, missing);
        (String::from_utf8(output).unwrap(), result)
    }

    #[test]
    fn every_line_ends_with_a_line_feed() {
        let text = "a: ${region}-1\r\nb: ${none:-x} ${none:=y} ${none} ${region^^}\n\nc: $region $${region}";
        let (output, result) = run(text, Missing::Empty);
        assert_eq!(output, "a: eu-1\nb: x y  EU\n\nc: $region ${region}\n");
        assert!(result.is_ok());
    }

    #[test]
    fn what_came_before_an_error_is_written() {
        let (output, result) = run("a: ${empty}\nb: ${none}\nc: d\n", Missing::Error);
        assert_eq!(output, "a: \n");
        let message = result.unwrap_err().to_string();
        assert_eq!(message, "variable not set (strict mode): \"none\"; line 2");
        let (_, result) = run("a: b\n${!}\n", Missing::Empty);
        assert!(result.unwrap_err().to_string().contains("; line 2: write `$${`"));
    }
}
