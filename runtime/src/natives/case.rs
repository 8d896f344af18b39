//! Strings: letter case and naming styles.

use crate::error::Result;
use crate::value::Value;

natives! {
    module "strings";

    /// Upper case.
    ///
    ///     print(to_upper("straße"))   # expect: STRASSE
    fn to_upper as to_upper | upper(text: &str) -> "string" [Pure];

    /// Lower case.
    ///
    ///     print(to_lower("ABC"))   # expect: abc
    fn to_lower as to_lower | lower(text: &str) -> "string" [Pure];

    /// First character in upper case, all others in lower case.
    ///
    ///     print(capitalize("hELLO wORLD"))   # expect: Hello world
    fn capitalize(text: &str) -> "string" [Pure];

    /// Lower-case letters and digits, everything else as single dashes.
    ///
    ///     print(slugify("Hello World! It's_a Test--x"))   # expect: hello-world-its-a-test-x
    fn slugify(text: &str) -> "string" [Pure];

    /// The words joined, all but the first capitalised.
    ///
    ///     print(to_camel_case("hello_world foo-bar"))   # expect: helloWorldFooBar
    fn to_camel_case(text: &str) -> "string" [Pure];

    /// The words in lower case, joined with underscores.
    ///
    ///     print(to_snake_case("helloWorld HTTPServer"))   # expect: hello_world_http_server
    fn to_snake_case(text: &str) -> "string" [Pure];

    /// The words in lower case, joined with dashes.
    ///
    ///     print(to_kebab_case("MyClassName"))   # expect: my-class-name
    fn to_kebab_case(text: &str) -> "string" [Pure];
}

fn to_upper(text: &str) -> Result<String> {
    Ok(text.to_uppercase())
}

fn to_lower(text: &str) -> Result<String> {
    Ok(text.to_lowercase())
}

/// The first character in upper case, the others in lower case.
fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect(),
        None => String::new(),
    }
}

fn capitalize(text: &str) -> Result<String> {
    Ok(capitalized(text))
}

fn slugify(text: &str) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    for c in text.to_lowercase().chars() {
        if c.is_alphanumeric() {
            out.push(c);
        } else if !matches!(c, '\'' | '’') && !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    if out.ends_with('-') {
        out.pop();
    }
    Ok(out)
}

fn to_camel_case(text: &str) -> Result<Value> {
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        if out.is_empty() {
            out.push_str(&word.to_lowercase());
        } else {
            out.push_str(&capitalized(word));
        }
    }
    Ok(Value::from(out))
}

fn to_snake_case(text: &str) -> Result<String> {
    Ok(case_words(text).join("_"))
}

fn to_kebab_case(text: &str) -> Result<String> {
    Ok(case_words(text).join("-"))
}

/// The words of a text in lower case. A word also begins at a capital behind a lower-case
/// letter or digit, and at the last capital of a run that a lower-case letter follows.
fn case_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in text.split(|c: char| c.is_whitespace() || c == '-' || c == '_') {
        let chars: Vec<char> = part.chars().filter(|c| c.is_alphanumeric()).collect();
        let mut word = String::new();
        for (i, &c) in chars.iter().enumerate() {
            if i > 0 && c.is_uppercase() && begins_word(chars[i - 1], chars.get(i + 1)) {
                words.push(std::mem::take(&mut word));
            }
            word.extend(c.to_lowercase());
        }
        if !word.is_empty() {
            words.push(word);
        }
    }
    words
}

fn begins_word(before: char, after: Option<&char>) -> bool {
    before.is_lowercase()
        || before.is_numeric()
        || before.is_uppercase() && after.is_some_and(|c| c.is_lowercase())
}
