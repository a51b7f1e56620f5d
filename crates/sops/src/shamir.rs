//! Shamir's secret sharing over GF(2⁸), as `HashiCorp`'s implementation encodes it: each part is one byte per byte of
//! the secret, followed by the part's x coordinate.

/// Why parts make no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShamirError {
    /// One part alone says nothing.
    #[error("less than two parts cannot be used to reconstruct the secret")]
    TooFew,
    /// A part holds no byte of the secret.
    #[error("parts must be at least two bytes")]
    TooShort,
    /// The parts are not of one secret.
    #[error("all parts must be the same length")]
    Lengths,
    /// Two parts are the same.
    #[error("duplicate part detected")]
    Duplicate,
}

/// Puts the secret together from as many parts as its threshold asks for, or more.
pub fn combine(parts: &[Vec<u8>]) -> Result<Vec<u8>, ShamirError> {
    let [first, _, ..] = parts else { return Err(ShamirError::TooFew) };
    if first.len() < 2 {
        return Err(ShamirError::TooShort);
    }
    if parts.iter().any(|part| part.len() != first.len()) {
        return Err(ShamirError::Lengths);
    }
    let xs: Vec<u8> = parts.iter().filter_map(|part| part.last().copied()).collect();
    if xs.iter().enumerate().any(|(index, x)| xs.iter().skip(index + 1).any(|other| other == x)) {
        return Err(ShamirError::Duplicate);
    }
    // The Lagrange basis at zero: the same for all bytes.
    let weights: Vec<u8> = xs
        .iter()
        .map(|x| {
            xs.iter()
                .filter(|other| *other != x)
                .fold(1, |product, other| multiply(product, divide(*other, *other ^ *x)))
        })
        .collect();
    let byte = |index: usize| {
        parts
            .iter()
            .zip(&weights)
            .fold(0, |sum, (part, weight)| sum ^ multiply(part.get(index).copied().unwrap_or(0), *weight))
    };
    Ok((0..first.len() - 1).map(byte).collect())
}

/// The product in the field of AES.
fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    for _ in 0..8 {
        product ^= a * (b & 1);
        let carry = a >> 7;
        a = (a << 1) ^ (0x1b * carry);
        b >>= 1;
    }
    product
}

/// The quotient; `b` is not zero, as the coordinates differ.
fn divide(a: u8, b: u8) -> u8 {
    // b²⁵⁴ is the inverse of b.
    let mut inverse = 1;
    for bit in (0..8).rev() {
        inverse = multiply(inverse, inverse);
        if 254_u8 >> bit & 1 == 1 {
            inverse = multiply(inverse, b);
        }
    }
    multiply(a, inverse)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The value of a polynomial whose first coefficient is the secret.
    fn evaluate(coefficients: &[u8], x: u8) -> u8 {
        coefficients.iter().rev().fold(0, |sum, coefficient| multiply(sum, x) ^ coefficient)
    }

    proptest! {
        #[test]
        fn any_parts_up_to_the_threshold_make_the_secret(
            secret in proptest::collection::vec(any::<u8>(), 1..40),
            random in proptest::collection::vec(any::<u8>(), 80),
            skip in 0_u8..3,
        ) {
            let parts: Vec<Vec<u8>> = (1..=5_u8).map(|x| {
                let bytes = secret.iter().enumerate();
                let mut part: Vec<u8> =
                    bytes.map(|(i, s)| evaluate(&[*s, random[2 * i], random[2 * i + 1]], x)).collect();
                part.push(x);
                part
            }).collect();
            let some = &parts[usize::from(skip)..usize::from(skip) + 3];
            prop_assert_eq!(combine(some).unwrap(), secret.clone());
            prop_assert_eq!(combine(&parts).unwrap(), secret);
        }
    }

    #[test]
    fn bad_parts_are_refused() {
        assert_eq!(combine(&[vec![1, 2]]), Err(ShamirError::TooFew));
        assert_eq!(combine(&[vec![1], vec![2]]), Err(ShamirError::TooShort));
        assert_eq!(combine(&[vec![1, 2], vec![1, 2, 3]]), Err(ShamirError::Lengths));
        assert_eq!(combine(&[vec![1, 2], vec![3, 2]]), Err(ShamirError::Duplicate));
    }

    #[test]
    fn the_field_is_that_of_aes() {
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert_eq!(divide(0xc1, 0x83), 0x57);
        assert_eq!(divide(0, 7), 0);
    }
}
