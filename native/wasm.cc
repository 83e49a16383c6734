// The WASM modules, one with RELAXED_SIMD: the kernels for 128-bit vectors, on one thread. src/core/backend/wasm.ts owns the memory, scratch
// included, and finds the kernels by the names that the module gives. There is no C library.
#include "kernels.h"

#define EXPORT(name) extern "C" __attribute__((export_name(#name)))

// Throws in TypeScript when there is no room.
extern "C" __attribute__((import_module("memory"), import_name("allocate"))) void* allocate(size_t bytes);

namespace {

double multiplies_done = 0;  // exact up to 2^53

// Grow-only; what is outgrown is lost, hence a quarter more than was asked for.
struct Scratch { void* memory; size_t size; } scratch_blocks[8];
void* scratch_memory(int slot, size_t bytes) {
  Scratch& block = scratch_blocks[slot];
  if (block.size < bytes) {
    const size_t size = bytes < (size_t)-1 / 2 ? bytes + bytes / 4 : bytes;
    block = {allocate(size), size};
  }
  return block.memory;
}

constexpr Runtime the_runtime = {
  [](int count, void (*task)(void*, int), void* context) { for (int i = 0; i < count; i++) task(context, i); },
  scratch_memory,
  [](int64_t count) { multiplies_done += (double)count; },
  [] { return 1; },
};

}  // namespace

constexpr const Runtime* const runtime = &the_runtime;

// By the exponent and the series of atanh: within 2 units of the last place.
extern "C" double log(double x) {
  if (!(x > 0)) return x == 0 ? -__builtin_inf() : __builtin_nan("");
  if (x == __builtin_inf()) return x;
  int64_t bits;
  __builtin_memcpy(&bits, &x, 8);
  int exponent = (int)(bits >> 52) - 1023;
  bits = (bits & 0xfffffffffffff) | (int64_t)1023 << 52;
  double m;
  __builtin_memcpy(&m, &bits, 8);
  if (m > 1.4142135623730951) m *= 0.5, exponent++;
  const double s = (m - 1) / (m + 1), square = s * s;
  double series = 0;
  for (int i = 21; i >= 1; i -= 2) series = series * square + 1.0 / i;
  return exponent * 0.6931471805599453 + 2 * s * series;
}

#define VECTOR_BYTES 16
// V8 spills when a loop holds more than 8 sums, and then runs at half of the speed. Of what stays below, measured best.
#define DENSE_ROWS 4
#define DENSE_VECTORS 2
#define SPARSE_VECTORS_1 8
#define SPARSE_VECTORS_2 4
#define SPARSE_VECTORS_4 2
#define SPARSE_AT_ONCE_1 1
#define SPARSE_AT_ONCE_2 1
#define SPARSE_AT_ONCE_4 1
// V8 unrolls a loop inside of a loop. With v = 1 sums then spill, a fifth slower; where products are fused v = 2 and 4 lose
// 3 to 4 percent, and without unrolling they lose 8 to 14 where not.
#ifdef RELAXED_SIMD
#define ISA_NAME "relaxed-simd"
#define TILE_APART(v) true
#else
#define ISA_NAME "simd128"
#define TILE_APART(v) ((v) == 1)
#endif
namespace wasm {
#include "body/all.inl"
}

// The names of kernels.def, a space after each.
EXPORT(names) const char* names() {
  return
#define KERNEL(name, parameters) #name " "
#include "kernels.def"
#undef KERNEL
  ;
}

// The place in the function table of the kernel that is the index-th of them.
EXPORT(kernel) int kernel(int index) {
  static void* const functions[] = {
#define KERNEL(name, parameters) (void*)wasm::name,
#include "kernels.def"
#undef KERNEL
  };
  return (int)functions[index];
}

EXPORT(multiplies) double multiplies() { return multiplies_done; }
