//! Dates: UTC, proleptic Gregorian calendar, years 1 to 9999.

use std::time::{SystemTime, UNIX_EPOCH};

use super::Cx;
use crate::error::{Error, Kind, Result};
use crate::objects::dict::Dict;
use crate::value::Value;

natives! {
    module "time";

    /// The present time as `YYYY-MM-DDTHH:MM:SSZ`.
    ///
    ///     print(len(now_utc()))   # expect: 20
    fn now_utc() -> "string" [Other, "clock"];

    /// Unix seconds as a text; tokens YYYY MMMM MMM MM DD dddd ddd HH mm ss SSS.
    ///
    ///     print(format_date(951782400, "ddd DD MMM YYYY HH:mm:ss"))   # expect: Tue 29 Feb 2000 00:00:00
    fn format_date(seconds: f64, pattern: &str) -> "string" [Pure; cx];

    /// The Unix seconds of a text that is read with the tokens of format_date.
    ///
    ///     print(parse_date("1969-07-20", "YYYY-MM-DD"))   # expect: -14256000
    fn parse_date(text: &str, pattern: &str) -> "float" [Pure; cx];

    /// The parts of a date as ints; weekday 1 is Monday.
    ///
    ///     print(date_parts(0).weekday)   # expect: 4
    fn date_parts(seconds: f64) -> "dict" [Pure; cx];
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

const DAY_MS: i64 = 86_400_000;

/// Days from 1970-01-01 to the first day of a year.
fn days_before_year(year: i64) -> i64 {
    let y = year - 1;
    y * 365 + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) - 719_162
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A point in time, taken apart.
#[derive(Clone, Copy)]
struct Date {
    year: i64,
    /// From 1, as are day, weekday and day of the year.
    month: i64,
    day: i64,
    /// Since midnight.
    milliseconds: i64,
    weekday: i64,
    day_of_year: i64,
}

impl Date {
    /// The date of Unix milliseconds whose year is in range.
    fn from_millis(millis: i64) -> Date {
        let days = millis.div_euclid(DAY_MS);
        let mut year = days.div_euclid(366) + 1970;
        while days_before_year(year + 1) <= days {
            year += 1;
        }
        while days_before_year(year) > days {
            year -= 1;
        }
        let day_of_year = days - days_before_year(year) + 1;
        let (mut month, mut day) = (1, day_of_year);
        while day > days_in_month(year, month) {
            day -= days_in_month(year, month);
            month += 1;
        }
        Date {
            year,
            month,
            day,
            milliseconds: millis.rem_euclid(DAY_MS),
            weekday: (days + 3).rem_euclid(7) + 1,
            day_of_year,
        }
    }

    fn hour(&self) -> i64 {
        self.milliseconds / 3_600_000
    }

    fn minute(&self) -> i64 {
        self.milliseconds / 60_000 % 60
    }

    fn second(&self) -> i64 {
        self.milliseconds / 1000 % 60
    }

    fn millisecond(&self) -> i64 {
        self.milliseconds % 1000
    }
}

/// The date of an argument in Unix seconds, rounded down to milliseconds.
fn date_of(cx: &Cx<'_>, seconds: f64) -> Result<Date> {
    let millis = (seconds * 1000.0).floor();
    let first = (days_before_year(1) * DAY_MS) as f64;
    let end = (days_before_year(10_000) * DAY_MS) as f64;
    if !(first..end).contains(&millis) {
        return Err(cx.bad_value("seconds", "in the years 1 to 9999", seconds));
    }
    Ok(Date::from_millis(millis as i64))
}

/// What a token of a pattern stands for.
#[derive(Clone, Copy)]
enum Token {
    Year,
    MonthName,
    MonthShort,
    Month,
    Day,
    WeekdayName,
    WeekdayShort,
    Hour,
    Minute,
    Second,
    Milli,
}

/// Longer tokens come before those that they start with.
const TOKENS: [(&str, Token); 11] = [
    ("YYYY", Token::Year),
    ("MMMM", Token::MonthName),
    ("MMM", Token::MonthShort),
    ("MM", Token::Month),
    ("DD", Token::Day),
    ("dddd", Token::WeekdayName),
    ("ddd", Token::WeekdayShort),
    ("HH", Token::Hour),
    ("mm", Token::Minute),
    ("ss", Token::Second),
    ("SSS", Token::Milli),
];

/// A token, or a character that stands for itself.
enum Piece {
    Token(Token),
    Literal(char),
}

fn pieces(pattern: &str) -> impl Iterator<Item = Piece> {
    let mut rest = pattern;
    std::iter::from_fn(move || {
        if let Some((word, token)) = TOKENS.iter().find(|(word, _)| rest.starts_with(word)) {
            rest = &rest[word.len()..];
            return Some(Piece::Token(*token));
        }
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        Some(Piece::Literal(c))
    })
}

fn format(date: &Date, pattern: &str) -> String {
    let month = MONTHS[date.month as usize - 1];
    let weekday = WEEKDAYS[date.weekday as usize - 1];
    let mut out = String::with_capacity(pattern.len() + 8);
    for piece in pieces(pattern) {
        match piece {
            Piece::Literal(c) => out.push(c),
            Piece::Token(Token::MonthName) => out.push_str(month),
            Piece::Token(Token::MonthShort) => out.push_str(&month[..3]),
            Piece::Token(Token::WeekdayName) => out.push_str(weekday),
            Piece::Token(Token::WeekdayShort) => out.push_str(&weekday[..3]),
            Piece::Token(Token::Year) => out.push_str(&format!("{:04}", date.year)),
            Piece::Token(Token::Month) => out.push_str(&format!("{:02}", date.month)),
            Piece::Token(Token::Day) => out.push_str(&format!("{:02}", date.day)),
            Piece::Token(Token::Hour) => out.push_str(&format!("{:02}", date.hour())),
            Piece::Token(Token::Minute) => out.push_str(&format!("{:02}", date.minute())),
            Piece::Token(Token::Second) => out.push_str(&format!("{:02}", date.second())),
            Piece::Token(Token::Milli) => out.push_str(&format!("{:03}", date.millisecond())),
        }
    }
    out
}

fn now_utc() -> Result<String> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let date = Date::from_millis(seconds as i64 * 1000);
    Ok(format(&date, "YYYY-MM-DDTHH:mm:ssZ"))
}

/// Unix seconds as HTTP writes them.
#[cfg(feature = "network")]
pub(super) fn http_date(seconds: i64) -> String {
    format(&Date::from_millis(seconds * 1000), "ddd, DD MMM YYYY HH:mm:ss GMT")
}

fn format_date(cx: &mut Cx<'_>, seconds: f64, pattern: &str) -> Result<String> {
    Ok(format(&date_of(cx, seconds)?, pattern))
}

fn date_parts(cx: &mut Cx<'_>, seconds: f64) -> Result<Dict> {
    let date = date_of(cx, seconds)?;
    let parts = [
        ("year", date.year),
        ("month", date.month),
        ("day", date.day),
        ("hour", date.hour()),
        ("minute", date.minute()),
        ("second", date.second()),
        ("millisecond", date.millisecond()),
        ("weekday", date.weekday),
        ("yearday", date.day_of_year),
    ];
    let mut dict = Dict::with_capacity(parts.len());
    for (name, part) in parts {
        dict.insert_str(name, Value::int(part));
    }
    Ok(dict)
}

/// The fields that a text gave.
struct Fields {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    millisecond: i64,
}

fn parse_date(cx: &mut Cx<'_>, text: &str, pattern: &str) -> Result<f64> {
    read(text, pattern).ok_or_else(|| cannot_parse(cx, text, pattern))
}

#[cold]
fn cannot_parse(cx: &Cx<'_>, text: &str, pattern: &str) -> Error {
    cx.failure(Kind::ParseError, format!("cannot parse '{text}' as '{pattern}'"))
}

fn read(text: &str, pattern: &str) -> Option<f64> {
    let mut found =
        Fields { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, millisecond: 0 };
    let mut rest = text;
    for piece in pieces(pattern) {
        match piece {
            Piece::Literal(c) => rest = rest.strip_prefix(c)?,
            Piece::Token(token) => rest = found.read(token, rest)?,
        }
    }
    if !rest.is_empty() {
        return None;
    }
    found.seconds()
}

impl Fields {
    /// Reads a token at the start of `text`; gives the text behind it.
    fn read<'a>(&mut self, token: Token, text: &'a str) -> Option<&'a str> {
        let (slot, width) = match token {
            Token::MonthName | Token::MonthShort => {
                let (at, rest) = name(text, &MONTHS, token)?;
                self.month = at + 1;
                return Some(rest);
            }
            Token::WeekdayName | Token::WeekdayShort => {
                return name(text, &WEEKDAYS, token).map(|(_, rest)| rest);
            }
            Token::Year => (&mut self.year, 4),
            Token::Month => (&mut self.month, 2),
            Token::Day => (&mut self.day, 2),
            Token::Hour => (&mut self.hour, 2),
            Token::Minute => (&mut self.minute, 2),
            Token::Second => (&mut self.second, 2),
            Token::Milli => (&mut self.millisecond, 3),
        };
        let digits = text.get(..width)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *slot = digits.parse().ok()?;
        Some(&text[width..])
    }

    /// The Unix seconds, if the date exists.
    fn seconds(&self) -> Option<f64> {
        let exists = (1..=9999).contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=days_in_month(self.year, self.month)).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60;
        if !exists {
            return None;
        }
        let months: i64 = (1..self.month).map(|month| days_in_month(self.year, month)).sum();
        let days = days_before_year(self.year) + months + self.day - 1;
        let seconds = days * 86_400 + self.hour * 3600 + self.minute * 60 + self.second;
        Some((seconds * 1000 + self.millisecond) as f64 / 1000.0)
    }
}

/// Which of the names the text starts with, in any letter case, and the text behind it.
fn name<'a>(text: &'a str, names: &[&str], token: Token) -> Option<(i64, &'a str)> {
    let is_short = matches!(token, Token::MonthShort | Token::WeekdayShort);
    names.iter().enumerate().find_map(|(at, full)| {
        let name = if is_short { &full[..3] } else { full };
        let start = text.get(..name.len())?;
        start.eq_ignore_ascii_case(name).then(|| (at as i64, &text[name.len()..]))
    })
}
