//! The proleptic Gregorian calendar.

/// A date and time of day, without zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Civil {
    /// The year; 0 is 1 BC.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// From 1.
    pub day: i64,
    /// 0 to 23.
    pub hour: i64,
    /// 0 to 59.
    pub minute: i64,
    /// 0 to 59.
    pub second: i64,
}

pub(super) const MONTHS: [&str; 12] = [
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

pub(super) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const DAY: i64 = 86_400;

pub(super) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(super) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date; Howard Hinnant's algorithm.
fn days_from_date(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year.wrapping_sub(1) } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era.wrapping_mul(146_097).wrapping_add(days - 719_468).wrapping_add(day.wrapping_sub(1))
}

impl Civil {
    /// The date and time of day that lie so many seconds after 1970-01-01 00:00:00.
    pub(super) fn of(seconds: i64) -> Self {
        let (days, clock) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_index = (5 * of_year + 2) / 153;
        let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: of_year - (153 * month_index + 2) / 5 + 1,
            hour: clock / 3600,
            minute: clock / 60 % 60,
            second: clock % 60,
        }
    }

    /// Seconds since 1970-01-01 00:00:00; fields beyond their ranges carry over.
    pub(super) fn seconds(&self) -> i64 {
        let month = self.month.wrapping_sub(1);
        let year = self.year.wrapping_add(month.div_euclid(12));
        let days = days_from_date(year, month.rem_euclid(12) + 1, self.day);
        let clock = self.hour.wrapping_mul(3600).wrapping_add(self.minute.wrapping_mul(60));
        days.wrapping_mul(DAY).wrapping_add(clock).wrapping_add(self.second)
    }

    /// The day of the year, from 1.
    pub fn year_day(&self) -> i64 {
        days_from_date(self.year, self.month, self.day) - days_from_date(self.year, 1, 1) + 1
    }

    /// The day of the week, 0 is Sunday.
    pub fn weekday(&self) -> usize {
        (days_from_date(self.year, self.month, self.day) + 4).rem_euclid(7) as usize
    }

    /// The month's English name.
    pub fn month_name(&self) -> &'static str {
        MONTHS.get((self.month - 1) as usize).copied().unwrap_or_default()
    }

    /// The weekday's English name.
    pub fn weekday_name(&self) -> &'static str {
        WEEKDAYS.get(self.weekday()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back() {
        for seconds in (-70_000_000_000..300_000_000_000).step_by(12_345_677) {
            assert_eq!(Civil::of(seconds).seconds(), seconds);
        }
        let leap = Civil::of(951_782_400);
        assert_eq!((leap.year, leap.month, leap.day, leap.weekday_name()), (2000, 2, 29, "Tuesday"));
        assert_eq!(leap.year_day(), 60);
    }
}
