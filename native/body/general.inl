// What a user's own loss or layer is made of: elementwise operations with broadcasting, reductions along axes, batches of
// products. Compact: an operation is a line of one switch, and only the native sets have a loop for each.

// The order is that of OPERATIONS in src/core/backend/families/general.ts, where they are described.
enum {
  COPY, ADD, SUBTRACT, MULTIPLY, DIVIDE, POWER, EXP, LOG, SQRT, ABS, CLAMP, SIGMOID, TANH, SELECT, EXP_OF_DIFFERENCE,
  QUOTIENT_BY_DIVISOR, POWER_BY_BASE, POWER_BY_EXPONENT, SQRT_BACKWARD, ABS_BACKWARD, CLAMP_BACKWARD, SIGMOID_BACKWARD,
  TANH_BACKWARD, SOFTMAX_BACKWARD, LOG_SOFTMAX_BACKWARD, OPERATIONS
};

// Where a loop of its own for each operation, and the fastest code for sums, would make the module a tenth larger.
#ifdef __wasm__
#define SMALL __attribute__((minsize))
#else
#define SMALL
#endif

static __attribute__((noinline)) Vector bounded_exponential(Vector x) { return exponential(x); }
// The square of e^(x / 2): that overflows to infinity and underflows to zero where e^x does, which exponential, bounded, does not.
static __attribute__((noinline)) Vector full_exponential(Vector x) {
  const Vector root = exponential(0.5f * x);
  return root * root;
}

// By the exponent and the series of atanh: relative error below 2e-7.
static SMALL __attribute__((noinline)) Vector logarithm(Vector x) {
  const IntVector subnormal = x < 1.17549435e-38f;
  const IntVector bits = bits_of(subnormal ? x * 8388608.0f : x);
  // the mantissa between the roots of 1/2 and 2
  const IntVector exponent = (bits - 0x3f3504f3) >> 23;
  const Vector m = float_of(bits - (exponent << 23));
  const Vector power = __builtin_convertvector(exponent - (subnormal & 23), Vector);
  const Vector s = (m - 1.0f) / (m + 1.0f), square = s * s;
  const Vector series = (((2.0f / 9 * square + 2.0f / 7) * square + 2.0f / 5) * square + 2.0f / 3) * square;
  const Vector value = power * 0.693359375f + (2.0f * s + (s * series - power * 2.12194440e-4f));
  const Vector infinity = broadcast(__builtin_inff()), nan = broadcast(__builtin_nanf(""));
  return x == infinity ? x : x > 0.0f ? value : x == 0.0f ? -infinity : nan;
}

// Small ones by Lambert's continued fraction, cut behind the 9: 1 - 2 / (e^2x + 1) would lose their digits.
static inline Vector hyperbolic_tangent(Vector x) {
  const Vector size = (Vector)((IntVector)x & 0x7fffffff), square = x * x;
  const Vector small = x * ((square + 105.0f) * square + 945.0f) / ((15.0f * square + 420.0f) * square + 945.0f);
  const Vector large = 1.0f - 2.0f / (bounded_exponential(2.0f * size) + 1.0f);
  return size < 0.625f ? small : x < 0.0f ? -large : large;
}

// Whole exponents up to 16 by multiplication, others by the logarithm in double precision; e^x as above, of half of it.
static SMALL __attribute__((noinline)) float power_of(float base, float exponent) {
  // a float beyond is an even number, and infinity counts as one
  const bool moderate = exponent > -16777216 && exponent < 16777216;
  const bool whole = moderate && exponent == (float)(int)exponent;
  const bool odd = whole && ((int)exponent & 1);
  if (whole && exponent >= -16 && exponent <= 16) {
    double product = 1;
    for (int i = exponent < 0 ? (int)-exponent : (int)exponent; i > 0; i--) product *= base;
    return (float)(exponent < 0 ? 1 / product : product);
  }
  const double half = 0.5 * exponent * __builtin_log((double)(base < 0 ? -base : base));
  const bool finite = half > -200 && half < 200;
  float value;
  if (finite) {
    const float near = (float)half;
    const Vector root = bounded_exponential(broadcast(near)) * (1.0f + (float)(half - near));
    value = root[0] * root[0];
  } else {
    value = half < 0 ? 0 : half > 0 ? __builtin_inff() : __builtin_nanf("");
  }
  if (bits_of(base) >> 31 == 0) return value;
  if (odd) return -value;
  return whole || !moderate || base == 0 || base == -__builtin_inff() ? value : __builtin_nanf("");
}
static inline Vector power_of(Vector base, Vector exponent) {
  Vector value = {};
  for (int i = 0; i < LANES; i++) value[i] = power_of(base[i], exponent[i]);
  return value;
}

static inline Vector operate(int operation, Vector a, Vector b, Vector c) {
  switch (operation) {
    case ADD: return a + b;
    case SUBTRACT: return a - b;
    case MULTIPLY: return a * b;
    case DIVIDE: return a / b;
    case POWER: return power_of(a, b);
    case EXP: return full_exponential(a);
    case LOG: return logarithm(a);
    case SQRT: {
      Vector root = {};
      for (int i = 0; i < LANES; i++) root[i] = __builtin_sqrtf(a[i]);
      return root;
    }
    case ABS: return (Vector)((IntVector)a & 0x7fffffff);
    case CLAMP: return a < b ? b : a > c ? c : a;
    case SIGMOID: return 1.0f / (1.0f + bounded_exponential(-a));
    case TANH: return hyperbolic_tangent(a);
    case SELECT: return a != 0.0f ? b : c;
    case EXP_OF_DIFFERENCE: return full_exponential(a - b);
    case QUOTIENT_BY_DIVISOR: return -(a * b) / c;
    case POWER_BY_BASE: return c == 0.0f ? c : a * c * power_of(b, c - 1.0f);
    case POWER_BY_EXPONENT: return c == 0.0f ? Vector{} : a * b * logarithm(c);
    case SQRT_BACKWARD: return 0.5f * a / b;
    case ABS_BACKWARD: return b > 0.0f ? a : b < 0.0f ? -a : Vector{};
    case CLAMP_BACKWARD: return b == c ? a : Vector{};
    case SIGMOID_BACKWARD: return a * b * (1.0f - b);
    case TANH_BACKWARD: return a * (1.0f - b * b);
    case SOFTMAX_BACKWARD: return a * (b - c);
    case LOG_SOFTMAX_BACKWARD: return a - full_exponential(b) * c;
    default: return a;
  }
}

// Calls body with the operation, a constant where code may be large.
template <int FIRST = 0, class Body>
static inline void with_operation(int operation, const Body& body) {
#ifdef __wasm__
  body(operation);
#else
  if constexpr (FIRST < OPERATIONS) {
    if (operation == FIRST) body(Integer<FIRST>{});
    else with_operation<FIRST + 1>(operation, body);
  }
#endif
}
static inline constexpr int number_of(int operation) { return operation; }
template <int VALUE> static inline constexpr int number_of(Integer<VALUE>) { return VALUE; }

constexpr int MAX_RANK = 8;  // must equal that of families/general.ts
constexpr int STRIP = 256;

// One operand of a strip of neighboring outputs: floats to read at once, `step` apart: 1, or 0 for a single value, repeated.
struct Operand {
  const float* row;  // where the row of the strip begins
  int stride;
  alignas(64) float copy[STRIP];
  const float* from;
  int step;
  void begin_row(const float* at, int apart) {
    row = at;
    stride = apart;
    step = stride != 0;
    from = copy;
    if (step == 0) store(copy, broadcast(*row));
  }
  void begin_strip(int begin, int count) {
    if (stride == 1 && count >= LANES) from = row + begin;
    else if (stride != 0) {
      for (int i = 0; i < count; i++) copy[i] = row[(ptrdiff_t)(begin + i) * stride];
      from = copy;
    }
  }
  Vector at(int i) const { return load(from + i * step); }
};

// y, contiguous, = operation(a, b, c). layout: rank, then shape and strides of a, b and c, MAX_RANK of each.
static void elementwise(float* y, const float* a, const float* b, const float* c, int operation, const int32_t* layout) {
  const int rank = layout[0];
  const int32_t *shape = layout + 1, *strides = shape + MAX_RANK;
  const float* const bases[3] = {a, b, c};
  const int inner = shape[rank - 1];
  int rows = 1;
  for (int d = 0; d < rank - 1; d++) rows *= shape[d];
  if (rows == 0 || inner == 0) return;
  const int pieces = ceil_div(inner, CHUNK), rows_at_once = max_of(1, CHUNK / inner);
  with_operation(operation, [&](auto constant) {
    parallel(ceil_div(rows, rows_at_once) * pieces, [&](int task) {
      const int first = task / pieces * rows_at_once, begin = task % pieces * CHUNK, end = min_of(inner, begin + CHUNK);
      Operand operands[3];
      for (int row = first; row < min_of(rows, first + rows_at_once); row++) {
        for (int k = 0; k < 3; k++) {
          const float* at = bases[k];
          for (int d = rank - 2, rest = row; d >= 0; rest /= shape[d--]) at += (ptrdiff_t)(rest % shape[d]) * strides[k * MAX_RANK + d];
          operands[k].begin_row(at, strides[k * MAX_RANK + rank - 1]);
        }
        // whole vectors, then what is left, as a vector of copies
        for (int from = begin, count; from < end; from += count) {
          count = min_of(STRIP, end - from);
          if (count >= LANES) count -= count % LANES;
          alignas(64) float last[LANES];
          for (Operand& operand : operands) operand.begin_strip(from, count);
          float* const to = y + (size_t)row * inner + from;
          float* const out = count < LANES ? last : to;
          for (int i = 0; i < count; i += LANES) store(out + i, operate(number_of(constant), operands[0].at(i), operands[1].at(i), operands[2].at(i)));
          if (count < LANES) for (int i = 0; i < count; i++) to[i] = last[i];
        }
      }
    });
  });
}

// y [outer, inner] = factor times the sum over the middle of x [outer, length, inner], or its largest. Cut by the shape
// alone, in double precision.
static SMALL void reduce(float* y, const float* x, int outer, int length, int inner, int largest, float factor) {
  constexpr int COLUMNS = 64, LINES = 8;
  const int piece = inner == 1 ? 4096 : 256, pieces = max_of(1, ceil_div(length, piece)), blocks = ceil_div(inner, COLUMNS);
  double* partial = scratch<double>(SCRATCH_PARTIAL, (size_t)outer * pieces * inner);
  const int at_once = max_of(1, CHUNK / max_of(1, min_of(length, piece) * min_of(inner, COLUMNS)));
  // a NaN wins: nothing is above it
  const auto join = [largest](double a, double b) { return largest ? b > a || b != b ? b : a : a + b; };
  const double start = largest ? -__builtin_inf() : 0;
  parallel_chunks(outer * pieces * blocks, at_once, [&](int begin, int end) SMALL {
    for (int part = begin; part < end; part++) {
      const int block = part % blocks * COLUMNS, slice = part / blocks, from = slice % pieces * piece;
      const int count = min_of(piece, length - from);
      const float* source = x + ((size_t)(slice / pieces) * length + from) * inner + block;
      double sums[COLUMNS];
      for (double& sum : sums) sum = start;
      // a single column is read as a few, side by side
      const int columns = inner == 1 ? LINES : min_of(COLUMNS, inner - block), lines = inner == 1 ? count / LINES : count;
      const size_t apart = inner == 1 ? LINES : inner;
      for (int line = 0; line < lines; line++)
        for (int j = 0; j < columns; j++) sums[j] = join(sums[j], (double)source[line * apart + j]);
      if (inner == 1) {
        for (int i = lines * LINES; i < count; i++) sums[0] = join(sums[0], (double)source[i]);
        for (int j = 1; j < LINES; j++) sums[0] = join(sums[0], sums[j]);
      }
      double* to = partial + (size_t)slice * inner + block;
      for (int j = 0; j < min_of(columns, inner - block); j++) to[j] = sums[j];
    }
  });
  for (int row = 0; row < outer; row++)
    for (int j = 0; j < inner; j++) {
      const double* from = partial + (size_t)row * pieces * inner + j;
      double sum = from[0];
      for (int i = 1; i < pieces; i++) sum = join(sum, from[(size_t)i * inner]);
      y[(size_t)row * inner + j] = (float)(largest ? sum : factor * sum);
    }
}

// dx = dy where the largest of x stands first, else 0
static SMALL void max_backward(float* dx, const float* dy, const float* x, const float* y, int outer, int length, int inner) {
  constexpr int COLUMNS = 64;
  const int blocks = ceil_div(inner, COLUMNS);
  parallel_chunks(outer * blocks, max_of(1, CHUNK / max_of(1, length * min_of(inner, COLUMNS))), [&](int begin, int end) SMALL {
    for (int part = begin; part < end; part++) {
      const int row = part / blocks, block = part % blocks * COLUMNS, columns = min_of(COLUMNS, inner - block);
      const size_t to = (size_t)row * inner + block;
      bool found[COLUMNS] = {};
      for (int line = 0; line < length; line++) {
        const size_t at = ((size_t)row * length + line) * inner + block;
        for (int j = 0; j < columns; j++) {
          const float value = x[at + j], largest = y[to + j];
          const bool first = !found[j] && (value == largest || (value != value && largest != largest));
          found[j] |= first;
          dx[at + j] = first ? dy[to + j] : 0;
        }
      }
    }
  });
}

// One after another: several entries may go to one place.
static SMALL void scatter_entries(float* out, const float* x, const uint32_t* places, int count) {
  for (int i = 0; i < count; i++) out[places[i]] += x[i];
}

// A product of training for each of a batch of matrices: many side by side, few by all threads each.
static SMALL void batched_product(float* out, const float* left, const float* right, const int32_t* g, int batch, int product) {
  const size_t x = (size_t)g[0] * g[3], w = (size_t)g[3] * g[10], y = (size_t)g[0] * g[10];
  const auto one = [&](int i) {
    if (product == 0) forward(out + i * y, left + i * x, right + i * w, nullptr, g, 0);
    else if (product == 1) input_grad(out + i * x, left + i * y, right + i * w, g);
    else weight_grad(out + i * w, left + i * y, right + i * x, g);
  };
  if (batch >= runtime->threads()) parallel(batch, one);
  else for (int i = 0; i < batch; i++) one(i);
}
