// The table of function pointers that every instruction set fills, and the runtime its kernels call back into.
#pragma once
#include <stddef.h>
#include <stdint.h>

// What a kernel may ask of the machine around it. Passed first to every kernel.
struct Runtime {
  // Runs task(context, 0..count-1), each exactly once, on any thread; returns when all are done.
  void (*parallel)(int count, void (*task)(void* context, int index), void* context);
  // At least `bytes` of 64-byte aligned memory that stays the calling thread's until its next request for this slot.
  void* (*scratch)(int slot, size_t bytes);
  // Adds to the count of multiply-adds that GEMM kernels have executed.
  void (*count_multiplies)(int64_t multiplies);
  int (*threads)();
};

struct KernelTable {
  const char* isa;
#define KERNEL(name, parameters) void(*name) parameters;
#include "kernels.def"
#undef KERNEL
};

extern const Runtime* const runtime;
