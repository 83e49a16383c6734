// The WASM module: the kernels for 128-bit vectors, on one thread, with their own allocator. It imports nothing.
// Exports: each kernel by its name in kernels.def, the signatures of all, and memory to allocate from TypeScript.
//
// Tile sizes are V8's: its register allocator spills when a loop holds more than about 8 sums, and halves the speed.
#include "kernels.h"

extern "C" unsigned char __heap_base;  // the linker's: first byte behind data and stack

namespace {

// ---- memory: blocks of whole lines of 64 bytes, from an address-ordered free list, joined again when released ----

constexpr size_t LINE = 64, PAGE = 65536, GROWTH = 64 * PAGE;
struct Free { Free* next; size_t size; };
Free* first_free = nullptr;
size_t top = 0;      // end of what was ever handed out and not taken back
size_t touched = 0;  // memory from here on is still zero, as the engine made it
size_t used = 0;     // bytes handed out
bool exhausted = false;

constexpr size_t lines(size_t bytes) { return (bytes + (bytes == 0) + LINE - 1) / LINE * LINE; }

bool reach(size_t end) {
  const size_t have = (size_t)__builtin_wasm_memory_size(0) * PAGE;
  // `have` is 0 when all of the 2^32 bytes are there
  if (end <= have || (have == 0 && touched != 0)) return true;
  const size_t needed = (end - have + PAGE - 1) / PAGE, wanted = needed > GROWTH / PAGE ? needed : GROWTH / PAGE;
  return (int)__builtin_wasm_memory_grow(0, wanted) != -1 || (int)__builtin_wasm_memory_grow(0, needed) != -1;
}

// 64-byte aligned; 0 if there is no room.
char* allocate_lines(size_t bytes) {
  if (bytes > (size_t)-1 - PAGE) return nullptr;
  const size_t size = lines(bytes);
  if (top == 0) top = touched = lines((size_t)&__heap_base);
  for (Free** link = &first_free; *link; link = &(*link)->next) {
    Free* block = *link;
    if (block->size < size) continue;
    if (block->size == size) {
      *link = block->next;
    } else {
      Free* rest = (Free*)((char*)block + size);
      rest->next = block->next;
      rest->size = block->size - size;
      *link = rest;
    }
    used += size;
    return (char*)block;
  }
  if (size > (size_t)-1 - PAGE - top || !reach(top + size)) return nullptr;
  char* block = (char*)top;
  top += size;
  used += size;
  if (top > touched) touched = top;
  return block;
}

void release_lines(char* address, size_t bytes) {
  const size_t size = lines(bytes);
  used -= size;
  Free* before = nullptr;
  Free** link = &first_free;
  for (; *link && (char*)*link < address; link = &(*link)->next) before = *link;
  Free* block = (Free*)address;
  block->next = *link;
  block->size = size;
  *link = block;
  if (block->next && address + size == (char*)block->next) {
    block->size += block->next->size;
    block->next = block->next->next;
  }
  if (before && (char*)before + before->size == address) {
    before->size += block->size;
    before->next = block->next;
    block = before;
  }
  if ((size_t)block + block->size != top) return;
  top = (size_t)block;
  for (link = &first_free; *link != block; link = &(*link)->next) {}
  *link = nullptr;
}

// ---- Runtime ----

double multiplies_done = 0;  // exact up to 2^53

struct Scratch { char* memory; size_t size; } scratch_blocks[8];

void* scratch_memory(int slot, size_t bytes) {
  Scratch& block = scratch_blocks[slot];
  if (block.size < bytes) {
    if (block.memory) release_lines(block.memory, block.size);
    block.size = 0;
    block.memory = allocate_lines(bytes + bytes / 4);
    // kernels cannot fail: TypeScript sees the trap and asks why
    if (!block.memory) exhausted = true, __builtin_trap();
    block.size = bytes + bytes / 4;
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

// There is no C library. log by its exponent and atanh's series: within 2 units of the last place.
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
#ifndef DENSE_ROWS
#define DENSE_ROWS 4
#define DENSE_VECTORS 2
#define SPARSE_VECTORS_1 8
#define SPARSE_VECTORS_2 4
#define SPARSE_VECTORS_4 2
#define SPARSE_AT_ONCE_1 1
#define SPARSE_AT_ONCE_2 1
#define SPARSE_AT_ONCE_4 1
#endif
#define ISA_NAME "simd128"
namespace simd128 {
// Declared first, for the export: the bodies define the same functions without it.
#define KERNEL(name, parameters) __attribute__((export_name(#name), used)) static void name parameters;
#include "kernels.def"
#undef KERNEL
#include "body/all.inl"
}

#define EXPORT(name) extern "C" __attribute__((export_name(#name)))

// "name(type name, ...)\n" for each kernel: TypeScript reads its arguments by these.
EXPORT(signatures) const char* signatures() {
  return
#define KERNEL(name, parameters) #name #parameters "\n"
#include "kernels.def"
#undef KERNEL
  ;
}

// Zeroed, 64-byte aligned; null if the memory cannot grow that far.
EXPORT(allocate) char* allocate(size_t bytes) {
  const size_t zero_from = touched;
  char* block = allocate_lines(bytes);
  if (!block) return nullptr;
  const size_t dirty = (size_t)block >= zero_from ? 0 : lines(bytes);
  __builtin_memset(block, 0, dirty < zero_from - (size_t)block ? dirty : zero_from - (size_t)block);
  return block;
}
EXPORT(release) void release(char* address, size_t bytes) { release_lines(address, bytes); }
EXPORT(bytes_in_use) size_t bytes_in_use() { return used; }
EXPORT(multiplies) double multiplies() { return multiplies_done; }
// Whether the last trap came from a kernel that found no scratch memory.
EXPORT(take_exhausted) int take_exhausted() {
  const bool was = exhausted;
  exhausted = false;
  return was;
}
