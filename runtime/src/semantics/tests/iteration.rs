//! Loops, ranges, lazy iterators, spreading.

use super::{DOUBLE, FAIL, IS_ODD, TestHost, array, dict, failure, ints};
use crate::error::Result;
use crate::objects::iterator::Stage;
use crate::semantics::display::display;
use crate::semantics::iterate::{
    add_stage, drain, for_init, for_next, make_iterator, pull, range_bounds, range_len, spread,
};
use crate::semantics::sets;
use crate::value::Value;

fn looped(v: Value) -> Result<String> {
    let mut host = TestHost::new();
    let (source, mut position) = for_init(&mut host, v)?;
    let mut items = Vec::new();
    while let Some(item) = for_next(&mut host, &source, &mut position)? {
        items.push(item);
    }
    display(&array(items))
}

#[test]
fn loops_over_everything_iterable() {
    let set = sets::from_iter([1, 2, 1].map(Value::int)).expect("short");
    let cases = [
        (Value::int(3), "[0, 1, 2]"),
        (Value::int(-3), "[]"),
        (Value::float(2.9), "[0, 1]"),
        (Value::str("aé→"), "[a, é, →]"),
        (ints([4, 5]), "[4, 5]"),
        (dict([("k", Value::NULL), ("l", Value::NULL)]), "[k, l]"),
        (Value::from(crate::heap::Ref::new(set)), "[1, 2]"),
    ];
    for (v, expected) in cases {
        assert_eq!(looped(v).expect("iterable"), expected);
    }
    assert_eq!(failure(looped(Value::float(f64::NAN))), "TypeError: Cannot iterate over float");
    assert_eq!(failure(looped(Value::NULL)), "TypeError: Cannot iterate over null");
}

#[test]
fn ranges() {
    let bounds = |args: &[i64]| {
        let args: Vec<Value> = args.iter().copied().map(Value::int).collect();
        range_bounds(&args)
    };
    assert_eq!(bounds(&[5]).ok(), Some((0, 5, 1)));
    assert_eq!(bounds(&[10, 0, -3]).ok(), Some((10, 0, -3)));
    assert_eq!(failure(bounds(&[])), "ArityError: range expects 1 to 3 arguments, got 0");
    assert!(failure(bounds(&[1, 2, 0])).starts_with("ValueError: range: argument 'step'"));
    assert_eq!(
        failure(range_bounds(&[Value::str("x")])),
        "TypeError: range: argument 'start_or_stop' must be int, got string"
    );
    assert_eq!(failure(bounds(&[i64::MAX])), "MemoryError: Array length limit exceeded");
    assert_eq!(range_len(10, 0, -3), 4);
    assert_eq!(range_len(i64::MIN, i64::MAX, 1), u64::MAX);
    assert_eq!(range_len(0, 10, 3), 4);
    assert_eq!(range_len(3, 3, 1), 0);
}

#[test]
fn stages_are_lazy_and_take_pulls_no_more_than_it_needs() {
    let mut host = TestHost::new();
    let source = make_iterator(ints(1..=6));
    let odd = add_stage(&source, Stage::Filter(IS_ODD));
    let doubled = add_stage(&odd, Stage::Map(DOUBLE));
    let two = add_stage(&doubled, Stage::Take { left: 2 });
    assert_eq!(host.n_calls, 0);
    let items = drain(&mut host, &two).expect("no errors");
    assert_eq!(display(&array(items)).expect("flat"), "[2, 6]");
    assert_eq!(host.n_calls, 5, "three tests and two doublings");
    assert!(pull(&mut host, &two).expect("no errors").is_none());
    let rest = drain(&mut host, &source).expect("no errors");
    assert_eq!(display(&array(rest)).expect("flat"), "[4, 5, 6]");
    let skipped = add_stage(&ints(0..5), Stage::Skip { left: 3 });
    let mut out = vec![Value::NULL];
    spread(&mut host, &mut out, &skipped).expect("an iterator");
    assert_eq!(display(&array(out)).expect("flat"), "[null, 3, 4]");
    assert_eq!(
        failure(spread(&mut host, &mut Vec::new(), &Value::int(1))),
        "TypeError: Can only spread arrays"
    );
}

#[test]
fn errors_reach_the_consumer_and_long_chains_do_not_recurse() {
    let mut host = TestHost::new();
    let failing = add_stage(&ints(0..3), Stage::Map(FAIL));
    assert_eq!(failure(pull(&mut host, &failing)), "ThrownError: failed");
    assert!(pull(&mut host, &failing).expect("an error ends it").is_none());
    let mut chain = make_iterator(ints(0..3));
    for _ in 0..100_000 {
        chain = add_stage(&chain, Stage::Skip { left: 0 });
    }
    let first = pull(&mut host, &chain).expect("no errors");
    assert_eq!(first.and_then(|v| v.as_int()), Some(0));
}
