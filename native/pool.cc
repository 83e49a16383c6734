// The thread pool and the scratch memory of the addon.
//
// Tasks are claimed one by one, by each thread from its own share first: a thread then writes what it wrote in the job
// before, and lines need not come from another core (up to 250 ns each). The join counts finished tasks, not threads, so a
// worker that the system keeps waiting never holds the others up. Workers spin briefly after a job, then park. Why not
// OpenMP: docs/design/0001.
#include "pool.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>
#ifdef __linux__
#include <sys/mman.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

constexpr int SLOTS = 8;
constexpr size_t HUGE_PAGE = 2 << 20;
constexpr int SPINS = 2000;  // about 50 us on Zen 5: longer than the gap between two kernels of a step, shorter than a time slice

// One thread's part of a job: generation (24 bits) | end (20 bits) | next task (20 bits), in one word. A successful claim
// proves that the job it read belongs to the same generation, because a job is only replaced after all of its tasks have
// finished.
struct alignas(64) Share { std::atomic<uint64_t> ticket{0}; };
std::unique_ptr<Share[]>& shares = *new std::unique_ptr<Share[]>(new Share[1]);
// Of the job: read before the claim proves that they are its, so perhaps while the next job's are written.
std::atomic<void (*)(void*, int)> job_task;
std::atomic<void*> job_context;
std::atomic<int> unfinished{0};
std::atomic<int64_t> multiplies{0};
// never destroyed: process.exit() runs destructors while workers are parked, and that of a condition waits for them for ever
std::vector<std::thread>& workers = *new std::vector<std::thread>;
int thread_count = 1;
std::atomic<bool> stopping{false};
std::mutex& parking = *new std::mutex;
std::condition_variable& wake = *new std::condition_variable;
std::atomic<int> parked{0};
std::atomic<bool> joining{false};
std::condition_variable& joined = *new std::condition_variable;
thread_local bool inside_task = false;

inline void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// The first task of a thread's own share, or the last of another's.
bool claim_and_run(std::atomic<uint64_t>& ticket, bool own) {
  uint64_t seen = ticket.load(std::memory_order_acquire);
  for (;;) {
    const int next = seen & 0xfffff, end = seen >> 20 & 0xfffff;
    if (next >= end) return false;
    const auto task = job_task.load(std::memory_order_relaxed);
    void* const context = job_context.load(std::memory_order_relaxed);
    if (!ticket.compare_exchange_weak(seen, own ? seen + 1 : seen - (1 << 20), std::memory_order_acq_rel)) continue;
    inside_task = true;
    task(context, own ? next : end - 1);
    inside_task = false;
    if (unfinished.fetch_sub(1) == 1 && joining.load()) {
      { std::lock_guard<std::mutex> lock(parking); }
      joined.notify_one();
    }
    return true;
  }
}

// Whether there was a task left.
bool run_shares(int thread) {
  bool any = false;
  for (int i = 0; i < thread_count; i++)
    while (claim_and_run(shares[(thread + i) % thread_count].ticket, i == 0)) any = true;
  return any;
}

bool tasks_left() {
  for (int i = 0; i < thread_count; i++) {
    const uint64_t ticket = shares[i].ticket.load();
    if ((ticket & 0xfffff) < (ticket >> 20 & 0xfffff)) return true;
  }
  return false;
}

void work(int thread) {
  // Only the own share is looked at while spinning, and it tells of a new job even where others were faster.
  const std::atomic<uint64_t>& ticket = shares[thread].ticket;
  uint64_t done = 0;
  int idle = 0;
  while (!stopping.load(std::memory_order_relaxed)) {
    const uint64_t generation = ticket.load(std::memory_order_acquire) >> 40;
    if (generation != done) {
      done = generation;
      // jobs that others finish alone do not keep it awake: on a busy machine its spinning costs them their cores
      if (run_shares(thread)) idle = 0;
      continue;
    }
    if (++idle < SPINS) { pause_briefly(); continue; }
    std::unique_lock<std::mutex> lock(parking);
    parked.fetch_add(1);
    wake.wait(lock, [] { return stopping.load() || tasks_left(); });
    parked.fetch_sub(1);
    idle = 0;
  }
}

void stop_workers() {
  { std::lock_guard<std::mutex> lock(parking); stopping = true; }
  wake.notify_all();
  for (auto& worker : workers) worker.join();
  workers.clear();
  stopping = false;
}

constexpr int MAX_TASKS = 0xfffff;

void run_parallel(int count, void (*task)(void*, int), void* context) {
  if (thread_count == 1 || count < 2 || inside_task || count > MAX_TASKS) {
    for (int i = 0; i < count; i++) task(context, i);
    return;
  }
  job_task.store(task, std::memory_order_relaxed);
  job_context.store(context, std::memory_order_relaxed);
  unfinished.store(count, std::memory_order_relaxed);
  const uint64_t generation = (shares[0].ticket.load(std::memory_order_relaxed) >> 40) + 1;
  const auto begin = [&](int thread) { return ((uint64_t)count * thread + thread_count - 1) / thread_count; };
  for (int i = 0; i < thread_count; i++) shares[i].ticket.store(generation << 40 | begin(i + 1) << 20 | begin(i), std::memory_order_release);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (parked.load(std::memory_order_seq_cst) > 0) {
    { std::lock_guard<std::mutex> lock(parking); }
    wake.notify_all();
  }
  run_shares(0);
  for (int spins = 0; spins < SPINS; spins++) {
    if (unfinished.load(std::memory_order_acquire) == 0) return;
    pause_briefly();
  }
  // a worker was taken off its core, and may be waiting for this one
  std::unique_lock<std::mutex> lock(parking);
  joining = true;
  joined.wait(lock, [] { return unfinished.load() == 0; });
  joining = false;
}

struct Scratch {
  void* memory[SLOTS] = {};
  size_t size[SLOTS] = {};
  ~Scratch() { for (void* m : memory) free(m); }
};
thread_local Scratch scratch;

void* scratch_memory(int slot, size_t bytes) {
#ifdef __SANITIZE_ADDRESS__
  // exactly what was asked for, so that a step beyond it is found
  free(scratch.memory[slot]);
  return scratch.memory[slot] = aligned_alloc(64, (bytes + 63) / 64 * 64);
#endif
  if (scratch.size[slot] < bytes) {
    free(scratch.memory[slot]);
    // Large ones in large pages, where the system has them: packed panels of 16 MB are more pages than its cores remember.
    const size_t page = bytes < HUGE_PAGE / 2 ? 4096 : HUGE_PAGE;
    scratch.size[slot] = (bytes + bytes / 4 + page - 1) / page * page;
    scratch.memory[slot] = aligned_alloc(page, scratch.size[slot]);
    if (!scratch.memory[slot]) abort();
#ifdef __linux__
    if (page == HUGE_PAGE) madvise(scratch.memory[slot], scratch.size[slot], MADV_HUGEPAGE);
#endif
  }
  return scratch.memory[slot];
}

const Runtime the_runtime = {
  run_parallel, scratch_memory,
  [](int64_t count) { multiplies.fetch_add(count, std::memory_order_relaxed); },
  [] { return thread_count; },
};

}  // namespace

const Runtime* const runtime = &the_runtime;

void set_threads(int count) {
  if (count == thread_count) return;
  stop_workers();
  thread_count = count;
  shares.reset(new Share[count]);
  for (int i = 1; i < count; i++) workers.emplace_back(work, i);
}
int threads() { return thread_count; }
int64_t multiplies_done() { return multiplies.load(); }
void stop_threads() { set_threads(1); }
