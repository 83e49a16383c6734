// Dense forward products of a few rows of X. A weight is used so seldom that reading it is the limit: W is streamed once, as
// it stands. slices.inl does the same for N:M.

// Rows of X in one tile, at most; the tiles of a wider product run in turn, on weights in cache.
#ifdef __wasm__
constexpr int SMALL_ROWS = 1, SMALL_PRODUCT = 4;  // for its size
#else
constexpr int SMALL_ROWS = LANES > 4 ? 8 : 4, SMALL_PRODUCT = 16;
#endif

// Calls body(T, first row, rows), T a constant from 1 to MOST and at least the rows, for each tile.
template <int MOST, class Body>
static inline void small_tiles(int rows, const Body& body) {
  for (int t = 0; t < rows; t += MOST) {
    const int left = min_of(MOST, rows - t);
    if constexpr (MOST > 1) {
      if (left <= MOST / 2) {
        small_tiles<(LANES > 4 ? MOST / 2 : 1)>(left, [&](auto T, int first, int count) { body(T, t + first, count); });
        continue;
      }
    }
    body(Integer<MOST>{}, t, left);
  }
}

// out: the rows of a tile as [group of `step`][T][WIDTH], for rows a power of two apart would share sets of the cache. The
// last row stands for those that are missing; what lies between step and WIDTH does not count.
template <int T, int WIDTH>
static void gather_rows(float* out, const float* x, int rows, int k_count, int step) {
  for (int t = 0; t < T; t++) {
    const float* row = x + (size_t)min_of(t, rows - 1) * k_count;
    float* to = out + t * WIDTH;
    int k = 0;
    for (; k + WIDTH <= k_count; k += step, to += T * WIDTH) __builtin_memcpy(to, row + k, sizeof(float) * WIDTH);
    for (; k < k_count; k += step, to += T * WIDTH)
      for (int i = 0; i < WIDTH; i++) to[i] = k + i < k_count ? row[k + i] : 0;
  }
}

// GCC would load an operand anew for each of its products, and then loads are the limit.
static inline Vector in_register(Vector v) {
#ifdef __AVX512F__
  asm("" : "+v"(v));
#elif defined(__SSE2__)
  asm("" : "+x"(v));
#endif
  return v;
}

// Lane i of the result is the sum over the lanes of v[i].
template <int H = 1>
static inline Vector lane_sums(Vector* v) {
  if constexpr (H < LANES) {
#pragma GCC unroll 16
    for (int i = 0; i < LANES / H; i += 2) {
      exchange<H>(v[i], v[i + 1], typename Count<LANES>::type{});
      v[i / 2] = v[i] + v[i + 1];
    }
    return lane_sums<H * 2>(v);
  } else {
    return v[0];
  }
}

// sums[row * T + t] (+)= w[row * apart ..] . x[t]; ahead: how far to prefetch
template <int ROWS, int T>
static inline void dots(float* sums, const float* w, size_t apart, const float* x, int length, size_t ahead, bool accumulate) {
  constexpr int ALL = (ROWS * T + LANES - 1) / LANES * LANES;
  Vector sum[ALL];
#pragma GCC unroll 32
  for (int i = 0; i < ALL; i++) sum[i] = Vector{};
  const float* rows[ROWS];
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; r++) rows[r] = w + r * apart;
  int k = 0;
  for (; k + LANES <= length; k += LANES, x += T * LANES) {
    Vector b[ROWS];
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
      b[r] = load(rows[r] + k);
      __builtin_prefetch(rows[r] + k + ahead);
    }
#pragma GCC unroll 16
    for (int t = 0; t < T; t++) {
      const Vector a = in_register(load(x + t * LANES));
#pragma GCC unroll 16
      for (int r = 0; r < ROWS; r++) sum[r * T + t] += a * b[r];
    }
  }
  if (k < length) {
    float rest[LANES] = {};
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
      for (int i = k; i < length; i++) rest[i - k] = rows[r][i];
      const Vector b = load(rest);
#pragma GCC unroll 16
      for (int t = 0; t < T; t++) sum[r * T + t] += load(x + t * LANES) * b;
    }
  }
#pragma GCC unroll 32
  for (int i = 0; i < ALL; i += LANES) {
    const Vector all = lane_sums(sum + i);
    store(sums + i, accumulate ? load(sums + i) + all : all);
  }
}

constexpr int SMALL_CHUNK = 48;  // rows of W in one task, at most

// Rows first..last-1 of W times a tile of X.
template <int T>
static void small_dense_rows(float* y, const float* x, int valid, const float* w, const float* bias, int k_count, int out, int first, int last, bool relu) {
  // eight rows of X leave L1 if K is not cut (8192 square: 12.5 against 9.5 ms)
  constexpr int ROWS = LANES == 16 ? (T > 4 ? 3 : 4) : T > 4 ? 1 : T > 2 ? 2 : 4;
  const int block = T > 4 ? 512 : max_of(1, k_count);
  float sums[SMALL_CHUNK][(ROWS * T + LANES - 1) / LANES * LANES];
  // too few rows for a tile: one at a time, taken ROWS times
  const int step = last - first < ROWS ? 1 : ROWS;
  const size_t apart = step == 1 ? 0 : k_count;
  for (int k = 0; k == 0 || k < k_count; k += block)
    for (int row = first, tile = 0; row < last; row += step, tile++)
      dots<ROWS, T>(sums[tile], w + (size_t)min_of(row, last - step) * k_count + k, apart, x + (size_t)k * T, min_of(block, k_count - k),
                    block < k_count ? (size_t)ROWS * k_count : 512, k > 0);
  for (int row = first, tile = 0; row < last; row += step, tile++)
    for (int r = 0; r < step; r++)
      for (int t = 0; t < valid; t++) {
        const int at = min_of(row, last - step) + r;
        const float sum = sums[tile][r * T + t] + (bias ? bias[at] : 0);
        y[(size_t)t * out + at] = relu ? rectified(sum) : sum;
      }
}

// Beyond so many rows packing W pays; so many weights leave the cache and are better read once.
static inline bool is_small(int rows, int k_count, int out) {
  return rows <= SMALL_PRODUCT || (rows <= 3 * SMALL_PRODUCT && (size_t)k_count * out >= 1 << 20);
}

static void forward_small(float* y, const float* x, const float* w, const float* bias, int rows, int k_count, int out, bool relu) {
  const size_t width = (size_t)ceil_div(k_count, LANES) * LANES;
  float* copy = scratch<float>(SCRATCH_ROWS, (rows + SMALL_ROWS / 2) * width);
  small_tiles<SMALL_ROWS>(rows, [&](auto T, int t, int valid) { gather_rows<decltype(T)::value, LANES>(copy + t * width, x + (size_t)t * k_count, valid, k_count, LANES); });
  // so few rows of W that they stay in L2 for the next tile
  const int chunk = max_of(12, min_of(SMALL_CHUNK, (1 << 17) / max_of(1, k_count) / 12 * 12));
  parallel_chunks(out, chunk, [&](int first, int last) {
    small_tiles<SMALL_ROWS>(rows, [&](auto T, int t, int valid) {
      small_dense_rows<decltype(T)::value>(y + (size_t)t * out, copy + t * width, valid, w, bias, k_count, out, first, last, relu);
    });
    runtime->count_multiplies((int64_t)rows * k_count * (last - first));
  });
}
