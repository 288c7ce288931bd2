#include "stats/distributions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/result.h"

namespace tatara::stats {
namespace {

// Long double inside: the prefactors are differences of large logarithms.
using Real = long double;

constexpr Real kTiny = 1e-4000L;
constexpr Real kPrecision = 1e-18L;
constexpr int kSteps = 100'000;

Real LogGamma(Real x) {
  int sign = 0;
  return lgammal_r(x, &sign);
}

// P(a, x) by its series; good for x < a + 1.
Real GammaSeries(Real a, Real x) {
  Real term = 1 / a, sum = term;
  for (int n = 1; n < kSteps && term > sum * kPrecision; ++n) {
    term *= x / (a + n);
    sum += term;
  }
  return sum * std::exp(-x + a * std::log(x) - LogGamma(a));
}

// Q(a, x) by its continued fraction (modified Lentz); good for x >= a + 1.
Real GammaFraction(Real a, Real x) {
  Real b = x + 1 - a, c = 1 / kTiny, d = 1 / b, h = d;
  for (int n = 1; n < kSteps; ++n) {
    const Real an = -n * (n - a);
    b += 2;
    d = an * d + b;
    if (std::abs(d) < kTiny) d = kTiny;
    c = b + an / c;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1 / d;
    h *= d * c;
    if (std::abs(d * c - 1) < kPrecision) break;
  }
  return h * std::exp(-x + a * std::log(x) - LogGamma(a));
}

Real BetaFraction(Real a, Real b, Real x) {
  Real c = 1, d = 1 - (a + b) * x / (a + 1);
  if (std::abs(d) < kTiny) d = kTiny;
  d = 1 / d;
  Real h = d;
  for (int m = 1; m < kSteps; ++m) {
    const Real even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const Real odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    Real step = 1;
    for (Real factor : {even, odd}) {
      d = 1 + factor * d;
      if (std::abs(d) < kTiny) d = kTiny;
      c = 1 + factor / c;
      if (std::abs(c) < kTiny) c = kTiny;
      d = 1 / d;
      step = d * c;
      h *= step;
    }
    if (std::abs(step - 1) < kPrecision) break;
  }
  return h;
}

// P(|T| >= t), t >= 0: small tails keep their digits.
double StudentTwoTails(double t, double degrees) {
  return RegularizedBeta(degrees / 2, 0.5, degrees / (degrees + t * t));
}

// Cornish-Fisher expansion in 1/degrees (Abramowitz and Stegun 26.7.5).
double StudentExpansion(double z, double degrees) {
  const double z2 = z * z;
  const double g1 = (z2 + 1) * z / 4;
  const double g2 = ((5 * z2 + 16) * z2 + 3) * z / 96;
  const double g3 = (((3 * z2 + 19) * z2 + 17) * z2 - 15) * z / 384;
  return z + (g1 + (g2 + g3 / degrees) / degrees) / degrees;
}

}  // namespace

double RegularizedGammaQ(double a, double x) {
  if (x <= 0) return 1;
  if (std::isinf(x)) return 0;
  return static_cast<double>(x < a + 1 ? 1 - GammaSeries(a, x) : GammaFraction(a, x));
}

double RegularizedBeta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const Real rest = 1 - static_cast<Real>(x);
  const Real front = std::exp(LogGamma(static_cast<Real>(a) + b) - LogGamma(a) - LogGamma(b) +
                              a * std::log(static_cast<Real>(x)) + b * std::log(rest));
  if (x < (a + 1) / (a + b + 2)) return static_cast<double>(front * BetaFraction(a, b, x) / a);
  return static_cast<double>(1 - front * BetaFraction(b, a, rest) / b);
}

double ChiSquareTail(double x, double degrees) { return RegularizedGammaQ(degrees / 2, x / 2); }

double NormalQuantile(double p) {
  CHECK(p > 0 && p < 1);
  if (p > 0.5) return -NormalQuantile(1 - p);
  if (p == 0.5) return 0;
  // A rough start (Abramowitz and Stegun 26.2.23), then Newton on the logarithm of the tail.
  const double t = std::sqrt(-2 * std::log(p));
  double z = -(t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                       (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))));
  for (int step = 0; step < 20; ++step) {
    const double tail = std::erfc(-z / std::sqrt(2.0)) / 2;
    const double density = std::exp(-z * z / 2) / std::sqrt(2 * M_PI);
    const double move = std::log(tail / p) * tail / density;
    z -= move;
    if (std::abs(move) < 1e-15 * std::abs(z)) break;
  }
  return z;
}

double StudentQuantile(double p, double degrees) {
  CHECK(p > 0 && p < 1 && degrees >= 1);
  if (p < 0.5) return -StudentQuantile(1 - p, degrees);
  if (p == 0.5) return 0;
  if (degrees > 20'000) return StudentExpansion(NormalQuantile(p), degrees);
  const double tails = 2 * (1 - p);
  double low = 0, high = 1;
  while (StudentTwoTails(high, degrees) > tails) {
    low = high;
    high *= 2;
  }
  while (high - low > 1e-15 * high) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (StudentTwoTails(middle, degrees) > tails ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

double KolmogorovTail(double lambda) {
  if (lambda <= 0) return 1;
  if (lambda < 1.18) {  // the theta function's other series converges at once here
    double sum = 0;
    for (int k = 1; k <= 20; ++k) {
      const double odd = 2 * k - 1;
      sum += std::exp(-odd * odd * M_PI * M_PI / (8 * lambda * lambda));
    }
    return std::clamp(1 - std::sqrt(2 * M_PI) / lambda * sum, 0.0, 1.0);
  }
  double sum = 0;
  for (int k = 1; k <= 20; ++k) {
    const double term = std::exp(-2.0 * k * k * lambda * lambda);
    sum += k % 2 == 1 ? term : -term;
  }
  return std::clamp(2 * sum, 0.0, 1.0);
}

namespace {

// n == m: the reflection principle gives an alternating sum, folded so that nothing cancels.
double OutsideSquare(int64_t n, int64_t h) {
  double outside = 0;
  for (int64_t k = n / h; k >= 0; --k) {
    double factor = 1;
    for (int64_t j = 0; j < h; ++j) {
      factor *= static_cast<double>(n - k * h - j) / static_cast<double>(n + k * h + j + 1);
    }
    outside = factor * (1 - outside);
  }
  return 2 * outside;
}

int64_t FloorDivide(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }
int64_t CeilDivide(int64_t a, int64_t b) { return -FloorDivide(-a, b); }

}  // namespace

// A(i, j) is the share of paths from (0, 0) to (i, j) that leave the band |ng i - mg j| < h. The
// last step came from (i-1, j) with probability i / (i+j), else from (i, j-1). Outside the band A
// is 1. Shares, not counts: nothing overflows.
double KolmogorovExactTail(int64_t n, int64_t m, int64_t h) {
  CHECK(n >= 1 && m >= 1);
  if (h <= 0) return 1;
  if (n == m) return std::clamp(OutsideSquare(n, h), 0.0, 1.0);
  if (n < m) std::swap(n, m);
  int64_t a = n, b = m;
  while (b != 0) a = std::exchange(b, a % b);
  const int64_t across = n / a, up = m / a;  // steps of `h`'s unit: i moves by up, j by across
  std::vector<double> inverse(static_cast<size_t>(n + m + 1));
  for (int64_t s = 1; s <= n + m; ++s) inverse[s] = 1.0 / static_cast<double>(s);
  std::vector<double> outside(static_cast<size_t>(m + 1), 1.0);
  std::fill_n(outside.begin(), std::min(CeilDivide(h, across), m + 1), 0.0);
  for (int64_t i = 1; i <= n; ++i) {
    const int64_t first = std::max<int64_t>(FloorDivide(up * i - h, across) + 1, 0);
    const int64_t end = std::min(CeilDivide(up * i + h, across), m + 1);
    if (first >= end) return 1;
    double value = first == 0 ? 0.0 : 1.0;
    for (int64_t j = first; j < end; ++j) {
      const double scale = inverse[i + j];
      value =
          outside[j] * (static_cast<double>(i) * scale) + value * (static_cast<double>(j) * scale);
      outside[j] = value;
    }
  }
  return std::clamp(outside[m], 0.0, 1.0);
}

}  // namespace tatara::stats
