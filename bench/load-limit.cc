// How many multiply-adds a core with AVX-512 does when some of them read their operand from L1: the bound of 2:4 products
// with one row a choice (docs/design/0001-kernels.md).
//
//   g++ -O3 -march=native bench/load-limit.cc -o /tmp/load-limit && /tmp/load-limit
#include <immintrin.h>
#include <cstdio>
#include <chrono>
#include <algorithm>
using clk = std::chrono::steady_clock;
alignas(64) static float panel[1 << 16];
// Of 12 multiply-adds MEM read 64 bytes. GF/s.
template <int MEM>
static double run(int kb, int reps) {
  __m512 a[12];
#pragma GCC unroll 12
  for (int i = 0; i < 12; i++) a[i] = _mm512_set1_ps(1);
  __m512 b = _mm512_set1_ps(1.0000001f), c = _mm512_set1_ps(1e-9f);
  const int mask = kb * 1024 / 4 - 1;
  auto t0 = clk::now();
  unsigned at = 0;
  for (int r = 0; r < reps * 512; r++) {
    const float* p = panel + (at & mask);
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) {
      if (i < MEM) asm volatile("vfmadd231ps %1, %2, %0" : "+v"(a[i]) : "m"(*(const __m512*)(p + i * 16)), "v"(b));
      else asm volatile("vfmadd231ps %1, %2, %0" : "+v"(a[i]) : "v"(c), "v"(b));
    }
    at += 12 * 16;
    at = (at & mask) + 12 * 16 > (unsigned)mask ? 0 : at;
  }
  double sec = std::chrono::duration<double>(clk::now() - t0).count();
  __m512 sum = _mm512_setzero_ps();
#pragma GCC unroll 12
  for (int i = 0; i < 12; i++) sum = _mm512_add_ps(sum, a[i]);
  volatile float sink = _mm512_reduce_add_ps(sum); (void)sink;
  return 2.0 * 16 * 12 * 512.0 * reps / sec / 1e9;
}
template <class F> static double best(F f) { double m = 0; for (int i = 0; i < 100; i++) m = std::max(m, f()); return m; }
int main() {
  for (auto& x : panel) x = 1e-9f;
  for (int kb : {16, 32}) printf("%d KB: loads of 12: 0 %.0f, 6 %.0f, 9 %.0f, 12 %.0f GF/s\n", kb, best([&] { return run<0>(kb, 20); }), best([&] { return run<6>(kb, 20); }), best([&] { return run<9>(kb, 20); }), best([&] { return run<12>(kb, 20); }));
}
