//! Numbers.

use super::args::{Outcome, any, check_items, int};
use super::cast::{parse_int, parse_int_clamped, to_float, to_int};
use super::decimal::Decimal;
use super::print::sprint;
use crate::function::{Call, FuncError, Function};
use crate::value::{List, Type, Value};

const ANY: Type = Type::Any;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("atoi", &[Type::String], |_, args| {
        Ok(Value::int(parse_int_clamped(&super::args::text(args, 0))))
    }),
    Function::new("int64", &[ANY], |_, args| Ok(Value::int64(to_int(any(args, 0))))),
    Function::new("int", &[ANY], |_, args| Ok(Value::int(to_int(any(args, 0))))),
    Function::new("float64", &[ANY], |_, args| Ok(to_float(any(args, 0)).into())),
    Function::new("toDecimal", &[ANY], |_, args| {
        Ok(Value::int64(parse_int(&sprint(any(args, 0)), 8).unwrap_or(0)))
    }),
    Function::variadic("seq", &[Type::INT], seq),
    Function::new("until", &[Type::INT], |call, args| {
        let stop = int(args, 0);
        range(call, 0, stop, if stop < 0 { -1 } else { 1 })
    }),
    Function::new("untilStep", &[Type::INT, Type::INT, Type::INT], |call, args| {
        range(call, int(args, 0), int(args, 1), int(args, 2))
    }),
    Function::new("add1", &[ANY], |_, args| Ok(Value::int64(to_int(any(args, 0)).wrapping_add(1)))),
    Function::variadic("add", &[ANY], |_, args| {
        Ok(Value::int64(args.iter().fold(0, |sum, value| sum.wrapping_add(to_int(value)))))
    }),
    Function::new("sub", &[ANY, ANY], |_, args| {
        Ok(Value::int64(to_int(any(args, 0)).wrapping_sub(to_int(any(args, 1)))))
    }),
    Function::new("div", &[ANY, ANY], |_, args| divide(args, i64::wrapping_div)),
    Function::new("mod", &[ANY, ANY], |_, args| divide(args, i64::wrapping_rem)),
    Function::variadic("mul", &[ANY, ANY], |_, args| {
        Ok(Value::int64(args.iter().fold(1, |product, value| product.wrapping_mul(to_int(value)))))
    }),
    Function::new("add1f", &[ANY], |_, args| {
        calculate(to_float(any(args, 0)), &[Value::int(1)], Decimal::add)
    }),
    Function::variadic("addf", &[ANY], |_, args| calculate(0.0, args, Decimal::add)),
    Function::variadic("subf", &[ANY, ANY], |_, args| on_first(args, Decimal::sub)),
    Function::variadic("divf", &[ANY, ANY], |_, args| on_first(args, Decimal::div)),
    Function::variadic("mulf", &[ANY, ANY], |_, args| on_first(args, Decimal::mul)),
    Function::variadic("max", &[ANY, ANY], |_, args| extreme(args, i64::max)),
    Function::variadic("biggest", &[ANY, ANY], |_, args| extreme(args, i64::max)),
    Function::variadic("min", &[ANY, ANY], |_, args| extreme(args, i64::min)),
    Function::variadic("maxf", &[ANY, ANY], |_, args| extreme_float(args, |a, b| a > b)),
    Function::variadic("minf", &[ANY, ANY], |_, args| extreme_float(args, |a, b| a < b)),
    Function::new("ceil", &[ANY], |_, args| Ok(to_float(any(args, 0)).ceil().into())),
    Function::new("floor", &[ANY], |_, args| Ok(to_float(any(args, 0)).floor().into())),
    Function::variadic("round", &[ANY, Type::INT, Type::Float64], round),
];

fn divide(args: &[Value], operation: fn(i64, i64) -> i64) -> Outcome {
    match to_int(any(args, 1)) {
        0 => Err("runtime error: integer divide by zero".into()),
        divisor => Ok(Value::int64(operation(to_int(any(args, 0)), divisor))),
    }
}

type Operation = fn(&Decimal, &Decimal) -> Result<Decimal, FuncError>;

fn calculate(start: f64, values: &[Value], operation: Operation) -> Outcome {
    let mut result = Decimal::from_float(start)?;
    for value in values {
        result = operation(&result, &Decimal::from_float(to_float(value))?)?;
    }
    Ok(result.to_float().into())
}

fn on_first(args: &[Value], operation: Operation) -> Outcome {
    calculate(to_float(any(args, 0)), args.get(1..).unwrap_or_default(), operation)
}

fn extreme(args: &[Value], choose: fn(i64, i64) -> i64) -> Outcome {
    Ok(Value::int64(args.iter().map(to_int).reduce(choose).unwrap_or(0)))
}

/// Go's `math.Max` and `math.Min`: NaN wins, infinity of the wanted sign even over NaN, and -0 is below 0.
fn extreme_float(args: &[Value], better: fn(f64, f64) -> bool) -> Outcome {
    let best_infinity = if better(1.0, 0.0) { f64::INFINITY } else { f64::NEG_INFINITY };
    let choose = |a: f64, b: f64| {
        if a == best_infinity || b == best_infinity {
            best_infinity
        } else if a.is_nan() || b.is_nan() {
            f64::NAN
        } else if a == 0.0 && b == 0.0 {
            if better(1.0f64.copysign(b), 1.0f64.copysign(a)) { b } else { a }
        } else if better(b, a) {
            b
        } else {
            a
        }
    };
    Ok(args.iter().map(to_float).reduce(choose).unwrap_or(0.0).into())
}

/// Rounds up when the fraction is at least the third argument, by default a half. Negative numbers too are split into
/// whole part and fraction, so that their fractions are negative and they are always rounded down.
fn round(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let round_on = match args.get(2) {
        Some(Value::Float(value)) => *value,
        _ => 0.5,
    };
    let power = power_of_ten(int(args, 1));
    let scaled = power * to_float(any(args, 0));
    let rounded = if scaled.fract() >= round_on { scaled.ceil() } else { scaled.floor() };
    Ok((rounded / power).into())
}

/// `math.Pow(10, exponent)`, in whose steps rounding errors add up beyond 10²².
fn power_of_ten(exponent: i64) -> f64 {
    let (mut mantissa, mut binary) = (1.0_f64, 0_i32);
    // The square of the square … of ten: a half to one times a power of two.
    let (mut factor, mut factor_binary) = (0.625_f64, 4_i32);
    let mut left = exponent.unsigned_abs();
    while left != 0 {
        if factor_binary > 1 << 12 {
            binary += factor_binary;
            break;
        }
        if left & 1 == 1 {
            mantissa *= factor;
            binary += factor_binary;
        }
        factor *= factor;
        factor_binary *= 2;
        if factor < 0.5 {
            factor *= 2.0;
            factor_binary -= 1;
        }
        left >>= 1;
    }
    if exponent < 0 {
        (mantissa, binary) = (1.0 / mantissa, -binary);
    }
    // In two steps, of which at most the second rounds or overflows.
    let half = binary / 2;
    mantissa * 2.0_f64.powi(half) * 2.0_f64.powi(binary - half)
}

/// The numbers from `start` on, before `end`.
fn steps(call: &mut Call<'_>, start: i64, end: i64, step: i64) -> Result<Vec<i64>, FuncError> {
    let count = match step {
        1.. if start < end => (i128::from(end) - i128::from(start) + i128::from(step) - 1) / i128::from(step),
        ..=-1 if end < start => {
            (i128::from(start) - i128::from(end) - i128::from(step) - 1) / -i128::from(step)
        }
        _ => 0,
    };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    check_items(count)?;
    call.spend(count as u64)?;
    Ok((0..count as i64).map(|index| start.wrapping_add(step.wrapping_mul(index))).collect())
}

const INTS: Type = Type::Slice(&Type::INT);

fn range(call: &mut Call<'_>, start: i64, end: i64, step: i64) -> Outcome {
    let values = steps(call, start, end, step)?.into_iter().map(Value::int).collect();
    Ok(Value::List(List::typed(INTS, values)))
}

/// As the Unix command: `seq last`, `seq first last`, `seq first step last`.
fn seq(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (first, step, last) = match args.len() {
        1 => (1, None, int(args, 0)),
        2 => (int(args, 0), None, int(args, 1)),
        3 => (int(args, 0), Some(int(args, 1)), int(args, 2)),
        _ => return Ok("".into()),
    };
    let direction = if last < first { -1 } else { 1 };
    if direction < 0 && step.is_some_and(|step| step > 0) {
        return Ok("".into());
    }
    let numbers = steps(call, first, last.wrapping_add(direction), step.unwrap_or(direction))?;
    let texts: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    Ok(texts.join(" ").into())
}
