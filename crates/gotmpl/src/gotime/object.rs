//! Times and durations as values of templates, with the methods that Go gives them.

use std::any::Any;
use std::cmp::Ordering;
use std::fmt;

use super::civil::{MONTHS, WEEKDAYS};
use super::{Civil, Duration, Time, Zone};
use crate::function::{Call, FuncError, Function};
use crate::quote::quote;
use crate::value::{IntKind, Map, Named, Object, Str, Type, Value};

static TIME_TYPE: Named = Named { name: "time.Time", underlying: Type::Struct, methods: TIME_METHODS };
static DURATION_TYPE: Named =
    Named { name: "time.Duration", underlying: Type::INT64, methods: DURATION_METHODS };
static MONTH_TYPE: Named = Named { name: "time.Month", underlying: Type::INT, methods: NAMED_METHODS };
static WEEKDAY_TYPE: Named = Named { name: "time.Weekday", underlying: Type::INT, methods: NAMED_METHODS };

// Types are the same if their names are. Parameters have them without methods, whose table would refer to itself.
static TIME_PARAMETER: Named = Named { name: "time.Time", underlying: Type::Struct, methods: &[] };
static DURATION_PARAMETER: Named = Named { name: "time.Duration", underlying: Type::INT64, methods: &[] };

/// `time.Time` as a parameter.
pub const TIME: Type = Type::Named(&TIME_PARAMETER);
/// `time.Duration` as a parameter.
pub const DURATION: Type = Type::Named(&DURATION_PARAMETER);

impl Object for Time {
    fn ty(&self) -> Type {
        Type::Named(&TIME_TYPE)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn text(&self) -> Option<Str> {
        Some(self.to_string().into())
    }

    fn equals(&self, other: &dyn Object) -> bool {
        other.as_any().downcast_ref::<Self>().is_some_and(|other| {
            (self.seconds, self.nanos, self.monotonic) == (other.seconds, other.nanos, other.monotonic)
                && self.zone.name() == other.zone.name()
        })
    }

    fn to_plain(&self) -> Value {
        self.rfc3339().into()
    }
}

impl Object for Duration {
    fn ty(&self) -> Type {
        Type::Named(&DURATION_TYPE)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn underlying(&self) -> Option<Value> {
        Some(Value::int64(self.0))
    }

    fn text(&self) -> Option<Str> {
        Some(self.to_string().into())
    }
}

/// A month or a weekday: an `int` with a name.
struct Calendar {
    ty: &'static Named,
    number: i64,
    name: &'static str,
}

impl Object for Calendar {
    fn ty(&self) -> Type {
        Type::Named(self.ty)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn underlying(&self) -> Option<Value> {
        Some(Value::Int(IntKind::Int, self.number))
    }

    fn text(&self) -> Option<Str> {
        Some(Str::from_static(self.name))
    }
}

type Outcome = Result<Value, FuncError>;

fn time(args: &[Value], index: usize) -> &Time {
    static ZERO: Time = Time { seconds: -super::UNIX_TO_ZERO, nanos: 0, zone: Zone::Utc, monotonic: None };
    args.get(index).and_then(Value::downcast).unwrap_or(&ZERO)
}

fn duration(args: &[Value], index: usize) -> Duration {
    match args.get(index) {
        // A constant.
        Some(Value::Int(_, nanos)) => Duration(*nanos),
        Some(value) => value.downcast().copied().unwrap_or_default(),
        None => Duration::default(),
    }
}

fn int(args: &[Value], index: usize) -> i64 {
    match args.get(index) {
        Some(Value::Int(_, value)) => *value,
        _ => 0,
    }
}

fn ordered(args: &[Value], holds: fn(Ordering) -> bool) -> Outcome {
    Ok(holds(time(args, 0).compare(time(args, 1))).into())
}

fn object(object: impl Object + 'static) -> Outcome {
    Ok(Value::object(object))
}

fn text(value: &impl fmt::Display) -> Outcome {
    Ok(value.to_string().into())
}

static TIME_METHODS: &[Function] = &[
    Function::new("Add", &[DURATION], |_, args| object(time(args, 0).plus(duration(args, 1)))),
    Function::new("AddDate", &[Type::INT, Type::INT, Type::INT], |_, args| {
        object(time(args, 0).plus_date(int(args, 1), int(args, 2), int(args, 3)))
    }),
    Function::new("After", &[TIME], |_, args| ordered(args, Ordering::is_gt)),
    Function::new("Before", &[TIME], |_, args| ordered(args, Ordering::is_lt)),
    Function::unfit("Clock", "function Clock has 3 return values; should be 1 or 2"),
    Function::new("Compare", &[TIME], |_, args| Ok(Value::int(time(args, 0).compare(time(args, 1)) as i64))),
    Function::unfit("Date", "function Date has 3 return values; should be 1 or 2"),
    Function::new("Day", &[], |_, args| Ok(Value::int(time(args, 0).civil().day))),
    Function::new("Equal", &[TIME], |_, args| ordered(args, Ordering::is_eq)),
    Function::new("Format", &[Type::String], |_, args| {
        let layout = args.get(1).and_then(Value::as_str).cloned().unwrap_or_default();
        Ok(Value::str(time(args, 0).format(&layout)))
    }),
    Function::new("GoString", &[], |_, args| Ok(go_string(time(args, 0)).into())),
    Function::new("Hour", &[], |_, args| Ok(Value::int(time(args, 0).civil().hour))),
    Function::unfit(
        "ISOWeek",
        "invalid function signature for ISOWeek: second return value should be error; is int",
    ),
    Function::new("IsDST", &[], |_, args| {
        let time = time(args, 0);
        Ok(time.zone.is_dst(time.unix()).into())
    }),
    Function::new("IsZero", &[], |_, args| Ok(time(args, 0).is_zero().into())),
    Function::new("Local", &[], |_, args| object(time(args, 0).within(Zone::local()))),
    Function::new("Location", &[], |_, args| object(Location(time(args, 0).zone.clone()))),
    Function::new("Minute", &[], |_, args| Ok(Value::int(time(args, 0).civil().minute))),
    Function::new("Month", &[], |_, args| {
        let civil = time(args, 0).civil();
        let name = MONTHS.get((civil.month - 1) as usize).copied().unwrap_or_default();
        object(Calendar { ty: &MONTH_TYPE, number: civil.month, name })
    }),
    Function::new("Nanosecond", &[], |_, args| Ok(Value::int(time(args, 0).nanosecond().into()))),
    Function::new("Round", &[DURATION], |_, args| object(time(args, 0).round(duration(args, 1)))),
    Function::new("Second", &[], |_, args| Ok(Value::int(time(args, 0).civil().second))),
    Function::new("String", &[], |_, args| text(time(args, 0))),
    Function::new("Sub", &[TIME], |_, args| object(time(args, 0).since(time(args, 1)))),
    Function::new("Truncate", &[DURATION], |_, args| object(time(args, 0).truncate(duration(args, 1)))),
    Function::new("UTC", &[], |_, args| object(time(args, 0).within(Zone::Utc))),
    Function::new("Unix", &[], |_, args| Ok(Value::int64(time(args, 0).unix()))),
    Function::new("UnixMicro", &[], |_, args| Ok(Value::int64(unix(args, 1_000_000)))),
    Function::new("UnixMilli", &[], |_, args| Ok(Value::int64(unix(args, 1_000)))),
    Function::new("UnixNano", &[], |_, args| Ok(Value::int64(time(args, 0).unix_nano()))),
    Function::new("Weekday", &[], |_, args| {
        let number = time(args, 0).civil().weekday();
        let name = WEEKDAYS.get(number).copied().unwrap_or_default();
        object(Calendar { ty: &WEEKDAY_TYPE, number: number as i64, name })
    }),
    Function::new("Year", &[], |_, args| Ok(Value::int(time(args, 0).civil().year))),
    Function::new("YearDay", &[], |_, args| Ok(Value::int(time(args, 0).civil().year_day()))),
    Function::unfit(
        "Zone",
        "invalid function signature for Zone: second return value should be error; is int",
    ),
];

/// The expression that makes the time in Go.
fn go_string(time: &Time) -> String {
    let Civil { year, month, day, hour, minute, second } = time.civil();
    let month = MONTHS.get((month - 1) as usize).copied().unwrap_or_default();
    let zone = match &time.zone {
        Zone::Utc => "time.UTC".to_owned(),
        zone if zone.name() == "Local" => "time.Local".to_owned(),
        zone => format!("time.Location({})", quote(zone.name().as_bytes())),
    };
    format!(
        "time.Date({year}, time.{month}, {day}, {hour}, {minute}, {second}, {}, {zone})",
        time.nanosecond()
    )
}

static LOCATION_TYPE: Named =
    Named { name: "time.Location", underlying: Type::Struct, methods: LOCATION_METHODS };
static LOCATION: Type = Type::Named(&LOCATION_TYPE);

static LOCATION_METHODS: &[Function] = &[Function::new("String", &[], |_, args| {
    Ok(args.first().and_then(Value::downcast).map_or("", |Location(zone)| zone.name()).into())
})];

/// A `*time.Location`.
struct Location(Zone);

impl Object for Location {
    fn ty(&self) -> Type {
        Type::Pointer(&LOCATION)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn text(&self) -> Option<Str> {
        Some(self.0.name().into())
    }

    fn to_plain(&self) -> Value {
        Value::Map(Map::new())
    }
}

/// Since 1970, in so many parts of a second.
fn unix(args: &[Value], parts: i64) -> i64 {
    let time = time(args, 0);
    time.unix().wrapping_mul(parts).wrapping_add(i64::from(time.nanosecond()) / (1_000_000_000 / parts))
}

static DURATION_METHODS: &[Function] = &[
    Function::new("Abs", &[], |_, args| {
        let nanos = duration(args, 0).0;
        object(Duration(nanos.checked_abs().unwrap_or(i64::MAX)))
    }),
    Function::new("Hours", &[], |_, args| Ok(duration(args, 0).hours().into())),
    Function::new("Microseconds", &[], |_, args| Ok(Value::int64(duration(args, 0).microseconds()))),
    Function::new("Milliseconds", &[], |_, args| Ok(Value::int64(duration(args, 0).milliseconds()))),
    Function::new("Minutes", &[], |_, args| Ok(duration(args, 0).minutes().into())),
    Function::new("Nanoseconds", &[], |_, args| Ok(Value::int64(duration(args, 0).0))),
    Function::new("Round", &[DURATION], |_, args| object(duration(args, 0).round(duration(args, 1)))),
    Function::new("Seconds", &[], |_, args| Ok(duration(args, 0).seconds().into())),
    Function::new("String", &[], |_, args| text(&duration(args, 0))),
    Function::new("Truncate", &[DURATION], |_, args| object(duration(args, 0).truncate(duration(args, 1)))),
];

static NAMED_METHODS: &[Function] = &[Function::new("String", &[], named)];

fn named(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let name = args.first().and_then(Value::downcast).map_or("", |calendar: &Calendar| calendar.name);
    Ok(name.into())
}
