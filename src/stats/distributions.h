// Distribution functions, to about 1e-12 relative; checked against SciPy.
#pragma once

#include <cstdint>

namespace tatara::stats {

// Q(a, x), the regularized upper incomplete gamma function; a > 0, x >= 0.
double RegularizedGammaQ(double a, double x);
// I_x(a, b), the regularized incomplete beta function; a, b > 0, 0 <= x <= 1.
double RegularizedBeta(double a, double b, double x);
// P(X >= x) of a chi-square variable.
double ChiSquareTail(double x, double degrees);
// The value below which a share `p` of Student's t lies; 0 < p < 1, degrees >= 1.
double StudentQuantile(double p, double degrees);
// The value below which a share `p` of the standard normal lies; 0 < p < 1.
double NormalQuantile(double p);
// P(K >= lambda) of Kolmogorov's limit distribution: 2 * sum (-1)^(k-1) exp(-2 k^2 lambda^2).
double KolmogorovTail(double lambda);
// P(D >= h / lcm(n, m)) of the two-sided two-sample Kolmogorov-Smirnov statistic, exactly, by
// counting lattice paths (Hodges 1957). n, m >= 1; O(n * m) at worst.
double KolmogorovExactTail(int64_t n, int64_t m, int64_t h);

}  // namespace tatara::stats
