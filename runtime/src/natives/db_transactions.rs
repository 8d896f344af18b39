//! Whether a connection is in a transaction, for drivers that do not tell: by the statements that
//! it has run.

/// Whether a transaction is open after `sql`, which may be several statements.
pub(super) fn is_open_after(sql: &str, was_open: bool) -> bool {
    sql.split(';').fold(was_open, |is_open, statement| {
        let mut words = words(statement);
        match words.next().as_deref() {
            Some("BEGIN" | "START") => true,
            // A chained one goes on, and so does one that only goes back to a savepoint.
            Some("COMMIT" | "END" | "ABORT" | "ROLLBACK") => {
                let rest: Vec<String> = words.take(4).collect();
                let has = |word: &str| rest.iter().any(|own| own == word);
                is_open && (has("TO") || has("CHAIN") && !has("NO"))
            }
            _ => is_open,
        }
    })
}

/// Whether a statement only reads, so that the rows that it returns are no changed rows.
pub(super) fn only_reads(sql: &str) -> bool {
    let first = words(sql).next();
    let reading = ["SELECT", "VALUES", "TABLE", "SHOW", "EXPLAIN", "FETCH", "DESCRIBE", "DESC"];
    first.is_some_and(|word| reading.contains(&word.as_str()))
}

/// The words of a statement in capital letters, after the comments before it.
fn words(statement: &str) -> impl Iterator<Item = String> {
    let mut rest = statement.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
    loop {
        let after = if rest.starts_with("--") || rest.starts_with('#') {
            rest.split_once('\n').map_or("", |(_, after)| after)
        } else if rest.starts_with("/*") {
            rest.split_once("*/").map_or("", |(_, after)| after)
        } else {
            break;
        };
        rest = after.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
    }
    rest.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::{is_open_after, only_reads};

    #[test]
    fn statements_open_and_close_transactions() {
        for opening in ["BEGIN", " start transaction read only", "-- x\nbegin", "/* y */BEGIN;"] {
            assert!(is_open_after(opening, false), "{opening}");
        }
        for closing in ["COMMIT", "rollback work", "END", "commit and no chain", "SELECT 1; ABORT"]
        {
            assert!(!is_open_after(closing, true), "{closing}");
        }
        for neither in ["ROLLBACK TO a", "rollback to savepoint a", "commit and chain", "SELECT 1"]
        {
            assert!(is_open_after(neither, true), "{neither}");
        }
        assert!(!is_open_after("COMMIT", false) && !is_open_after("", false));
    }

    #[test]
    fn queries_change_nothing() {
        assert!(only_reads("(select 1)") && only_reads("# c\nSHOW TABLES"));
        assert!(!only_reads("INSERT INTO t VALUES (1)") && !only_reads("WITH x AS (SELECT 1)"));
    }
}
