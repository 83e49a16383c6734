// Vector types of the width of one instruction set, and the loops that split work into tasks.
// Set by the including file: VECTOR_BYTES, and the tile sizes used by the GEMM bodies.
constexpr int LANES = VECTOR_BYTES / 4;
typedef float Vector __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t IntVector __attribute__((vector_size(VECTOR_BYTES)));
// The same types for memory that is only 4-byte aligned: a Float32Array promises no more.
typedef float VectorInMemory __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef int32_t IntVectorInMemory __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));

static inline Vector load(const float* p) { return *(const VectorInMemory*)p; }
static inline void store(float* p, Vector v) { *(VectorInMemory*)p = v; }
// The first 0 < count <= LANES of a vector; the others are 0 and stay untouched. Entry by entry these took most of the time
// of products with few outputs.
static inline Vector load_some(const float* p, int count) {
#if VECTOR_BYTES == 64
  return (Vector)_mm512_maskz_loadu_ps((__mmask16)(0xffff >> (16 - count)), p);
#else
  Vector v = {};
  for (int i = 0; i < LANES && i < count; i++) v[i] = p[i];
  return v;
#endif
}
static inline void store_some(float* p, Vector v, int count) {
#if VECTOR_BYTES == 64
  _mm512_mask_storeu_ps(p, (__mmask16)(0xffff >> (16 - count)), (__m512)v);
#else
  for (int i = 0; i < LANES && i < count; i++) p[i] = v[i];
#endif
}
// x - 0 is x; 0 + x is not (for -0), and compilers then really add.
static inline Vector broadcast(float x) { return x - Vector{}; }
// max(0, x) that lets NaN through: a NaN must show in the loss. x > 0 ? x : 0 would hide it.
static inline Vector rectified(Vector x) { return x < 0 ? Vector{} : x; }
static inline float rectified(float x) { return x < 0 ? 0 : x; }
// sum + x * b in products of matrices, where rounding once or twice is the instruction set's choice. Nowhere else.
static inline Vector multiply_add(Vector sum, Vector x, Vector b) {
#ifdef RELAXED_SIMD
  // Not the builtin: where clang may use relaxed SIMD it makes min and max relaxed too, and these may lose a NaN
  // (llvm/llvm-project#177968).
  asm("local.get %1\nlocal.get %2\nlocal.get %0\nf32x4.relaxed_madd\nlocal.set %0" : "+r"(sum) : "r"(x), "r"(b));
  return sum;
#else
  return sum + x * b;
#endif
}
template <int VALUE> struct Integer { static constexpr int value = VALUE; };
static inline int min_of(int a, int b) { return a < b ? a : b; }
static inline int max_of(int a, int b) { return a > b ? a : b; }
static inline int ceil_div(int a, int b) { return (a + b - 1) / b; }

template <class Body>
static void parallel(int count, const Body& body) {
  if (count == 1) return body(0);
  runtime->parallel(count, [](void* context, int index) { (*(const Body*)context)(index); }, (void*)&body);
}

// Splits 0..count-1 into chunks of a fixed size, so that results never depend on the number of threads.
template <class Body>
static void parallel_chunks(int count, int chunk, const Body& body) {
  parallel(ceil_div(count, chunk), [&](int task) { body(task * chunk, min_of(count, (task + 1) * chunk)); });
}

// A vector of entries, and one entry: what a loop is written for that compilers do not vectorize as it stands. Bytes become
// integers in two steps, because GCC 12 takes a vector apart that changes its width fourfold.
struct Lanes {
  typedef Vector Floats;
  typedef IntVector Integers;
  typedef uint8_t Bytes __attribute__((vector_size(LANES)));
  typedef int16_t Shorts __attribute__((vector_size(2 * LANES)));
  static Floats load(const float* p) { return *(const VectorInMemory*)p; }
  static void store(float* p, Floats v) { *(VectorInMemory*)p = v; }
  static Integers load(const uint8_t* p) {
    Bytes bytes;
    __builtin_memcpy(&bytes, p, LANES);
    return __builtin_convertvector(__builtin_convertvector(bytes, Shorts), IntVector);
  }
  static void store(uint8_t* p, Integers v) {
    const Bytes bytes = __builtin_convertvector(__builtin_convertvector(v, Shorts), Bytes);
    __builtin_memcpy(p, &bytes, LANES);
  }
};
struct Lane {
  typedef float Floats;
  typedef int Integers;
  static Floats load(const float* p) { return *p; }
  static void store(float* p, Floats v) { *p = v; }
  static Integers load(const uint8_t* p) { return *p; }
  static void store(uint8_t* p, Integers v) { *p = (uint8_t)v; }
};
template <class Body>
static inline void by_lanes(int count, const Body& body) {
  int i = 0;
  for (; i + LANES <= count; i += LANES) body(i, Lanes());
  for (; i < count; i++) body(i, Lane());
}

#if VECTOR_BYTES == 64
// The first `count` lanes: entry by entry the last channels of 12 made a pooling 20 times slower than one of 16.
struct SomeLanes : Lanes {
  const int count;
  __mmask16 mask() const { return (__mmask16)(0xffff >> (16 - count)); }
  Floats load(const float* p) const { return load_some(p, count); }
  void store(float* p, Floats v) const { store_some(p, v, count); }
  Integers load(const uint8_t* p) const { return (Integers)_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask(), p)); }
  void store(uint8_t* p, Integers v) const { _mm512_mask_cvtepi32_storeu_epi8(p, mask(), (__m512i)v); }
  explicit SomeLanes(int count) : count(count) {}
};
#endif
// The same where the rest is worth a vector of its own: of channels, which are few.
template <class Body>
static inline void by_some_lanes(int count, const Body& body) {
#if VECTOR_BYTES == 64
  int i = 0;
  for (; i + LANES <= count; i += LANES) body(i, Lanes());
  if (i < count) body(i, SomeLanes(count - i));
#else
  by_lanes(count, body);
#endif
}

// Slots of Runtime::scratch; a kernel and what it calls never share one.
enum { SCRATCH_PANELS, SCRATCH_ROWS, SCRATCH_STRIP, SCRATCH_PARTIAL, SCRATCH_POINTERS, SCRATCH_IMAGES, SCRATCH_GROUP, SCRATCH_COLUMNS };

template <class T>
static T* scratch(int slot, size_t count) {
  // where size_t has 32 bits a product beyond them must not come back as a small one
  return (T*)runtime->scratch(slot, count > (size_t)-1 / sizeof(T) ? (size_t)-1 : count * sizeof(T));
}

// ---- transpose of LANES x LANES floats held in LANES vectors, by log2(LANES) rounds of pairwise exchanges ----
template <int... I> struct Indices {};
template <int N, int... I> struct Count : Count<N - 1, N - 1, I...> {};
template <int... I> struct Count<0, I...> { typedef Indices<I...> type; };

template <int H, int... J>
static inline void exchange(Vector& a, Vector& b, Indices<J...>) {
  const Vector low = __builtin_shufflevector(a, b, ((J & H) ? LANES + (J - H) : J)...);
  const Vector high = __builtin_shufflevector(a, b, ((J & H) ? LANES + J : J + H)...);
  a = low;
  b = high;
}

template <int H>
static inline void transpose_round(Vector* r) {
  if constexpr (H < LANES) {
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++)
      if (!(i & H)) exchange<H>(r[i], r[i + H], typename Count<LANES>::type{});
    transpose_round<H * 2>(r);
  }
}

// What join leaves of the lanes when it has met all of them, by halves.
template <int H, class Join, int... J>
static inline float folded(Vector v, const Join& join, Indices<J...> lanes) {
  const Vector joined = join(v, (Vector)__builtin_shufflevector(v, v, (J ^ H)...));
  if constexpr (H > 1) return folded<H / 2>(joined, join, lanes);
  else return joined[0];
}
static inline float sum_of(Vector v) {
  return folded<LANES / 2>(v, [](Vector a, Vector b) { return a + b; }, typename Count<LANES>::type{});
}

// dst[j * dst_stride + i] = rows[i][j] for i < LANES, j < LANES
static inline void transpose_block(float* dst, size_t dst_stride, const float* const* rows) {
  Vector r[LANES];
#pragma GCC unroll 16
  for (int i = 0; i < LANES; i++) r[i] = load(rows[i]);
  transpose_round<1>(r);
#pragma GCC unroll 16
  for (int i = 0; i < LANES; i++) store(dst + i * dst_stride, r[i]);
}
