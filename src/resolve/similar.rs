//! "Did you mean": the candidate that looks most like a name.
//!
//! The measure is the edit distance with transpositions; a candidate counts when it differs in
//! at most about a third of the name. Very long names get no suggestion, which bounds the cost.

/// Names longer than this get no suggestion.
const MAX_LEN: usize = 64;

/// The candidate most similar to `name`, if one is similar enough; the first of equals.
pub fn similar<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let len = name.chars().count();
    if len > MAX_LEN {
        return None;
    }
    let limit = len.div_ceil(3).min(len.saturating_sub(1));
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate == name || candidate.len() > 4 * MAX_LEN {
            continue;
        }
        if candidate.chars().count().abs_diff(len) > limit {
            continue;
        }
        let distance = strsim::osa_distance(name, candidate);
        if distance <= limit && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}
