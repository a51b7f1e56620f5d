//! Decimal numbers of any size, as `shopspring/decimal` has them: for `addf` and its kin.

use num_bigint::{BigInt, Sign};

use crate::function::FuncError;

/// Digits behind the point that a division gives.
const DIVISION_PRECISION: i64 = 16;

/// The most digits that a calculation may reach. Go has no bound; floats alone span 650.
const MAX_DIGITS: i64 = 20_000;

/// `value` times ten to the power of `exponent`.
#[derive(Clone, Debug)]
pub(super) struct Decimal {
    value: BigInt,
    exponent: i64,
}

fn power_of_ten(exponent: i64) -> BigInt {
    BigInt::from(10).pow(exponent.clamp(0, MAX_DIGITS) as u32)
}

impl Decimal {
    /// The shortest decimal that reads as the float.
    pub(super) fn from_float(value: f64) -> Result<Self, FuncError> {
        if !value.is_finite() {
            let name = if value.is_nan() {
                "NaN"
            } else if value > 0.0 {
                "+Inf"
            } else {
                "-Inf"
            };
            return Err(FuncError::new(format!("Cannot create a Decimal from {name}")));
        }
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent: i64 = exponent.parse().unwrap_or(0);
        let value = [whole, fraction].concat().parse().unwrap_or_default();
        Ok(Self { value, exponent: exponent - fraction.len() as i64 })
    }

    fn aligned(&self, exponent: i64) -> BigInt {
        &self.value * power_of_ten(self.exponent - exponent)
    }

    fn checked(value: BigInt, exponent: i64) -> Result<Self, FuncError> {
        if value.bits() as i64 > MAX_DIGITS * 3 || exponent.abs() > MAX_DIGITS {
            return Err(FuncError::new(format!("the number would have more than {MAX_DIGITS} digits")));
        }
        Ok(Self { value, exponent })
    }

    pub(super) fn add(&self, other: &Self) -> Result<Self, FuncError> {
        let exponent = self.exponent.min(other.exponent);
        Self::checked(self.aligned(exponent) + other.aligned(exponent), exponent)
    }

    pub(super) fn sub(&self, other: &Self) -> Result<Self, FuncError> {
        let exponent = self.exponent.min(other.exponent);
        Self::checked(self.aligned(exponent) - other.aligned(exponent), exponent)
    }

    pub(super) fn mul(&self, other: &Self) -> Result<Self, FuncError> {
        Self::checked(&self.value * &other.value, self.exponent + other.exponent)
    }

    /// To sixteen digits behind the point, halves away from zero.
    pub(super) fn div(&self, other: &Self) -> Result<Self, FuncError> {
        if other.value.sign() == Sign::NoSign {
            return Err("decimal division by 0".into());
        }
        let shift = self.exponent - other.exponent + DIVISION_PRECISION;
        let numerator = &self.value * power_of_ten(shift);
        let denominator = &other.value * power_of_ten(-shift);
        let (mut quotient, rest) = (&numerator / &denominator, &numerator % &denominator);
        if rest.magnitude() * 2u32 >= *denominator.magnitude() {
            let negative = (numerator.sign() == Sign::Minus) != (denominator.sign() == Sign::Minus);
            quotient += if negative { -1 } else { 1 };
        }
        Self::checked(quotient, -DIVISION_PRECISION)
    }

    /// The nearest float.
    pub(super) fn to_float(&self) -> f64 {
        format!("{}e{}", self.value, self.exponent).parse().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calculates_in_decimals() {
        let of = |value| Decimal::from_float(value).expect("finite");
        assert_eq!(of(0.1).add(&of(0.2)).expect("sum").to_float().to_bits(), 0.3f64.to_bits());
        assert_eq!(
            of(1.0).div(&of(3.0)).expect("quotient").to_float().to_bits(),
            0.333_333_333_333_333_3f64.to_bits()
        );
        assert_eq!(of(-2.0).div(&of(3.0)).expect("quotient").to_float(), -0.666_666_666_666_666_7);
        assert_eq!(of(1e300).mul(&of(1e300)).expect("product").to_float(), f64::INFINITY);
        assert!(of(1.0).div(&of(0.0)).is_err());
    }
}
