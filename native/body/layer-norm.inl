// Layer normalization: over each row of x [rows, columns]. A row is read several times, from the nearest cache.

// The sum over a row of what by_lanes gives.
struct RowSum {
  Vector lanes = {};
  float rest = 0;
  void add(Vector x) { lanes += x; }
  void add(float x) { rest += x; }
  float total() const { return sum_of(lanes) + rest; }
};

static void layer_norm(float* y, float* mean, float* inv_std, const float* x, const float* gamma, const float* beta, int rows, int columns, float epsilon) {
  parallel_chunks(rows, max_of(1, CHUNK / max_of(1, columns)), [&](int from, int to) {
    for (int row = from; row < to; row++) {
      const float* in = x + (size_t)row * columns;
      float* out = y + (size_t)row * columns;
      RowSum sum, squares;
      by_lanes(columns, [&](int c, auto lanes) { sum.add(lanes.load(in + c)); });
      const float average = sum.total() / columns;
      by_lanes(columns, [&](int c, auto lanes) {
        const auto d = lanes.load(in + c) - average;
        squares.add(d * d);
      });
      const float inverse = 1.0f / __builtin_sqrtf(squares.total() / columns + epsilon);
      mean[row] = average;
      inv_std[row] = inverse;
      by_lanes(columns, [&](int c, auto lanes) {
        lanes.store(out + c, (lanes.load(in + c) - average) * inverse * lanes.load(gamma + c) + lanes.load(beta + c));
      });
    }
  });
}

static void layer_norm_backward(float* dx, float* dgamma, float* dbeta, const float* dy, const float* x, const float* gamma, const float* mean, const float* inv_std, int rows, int columns) {
  constexpr int ROWS = 64;
  const int chunks = ceil_div(rows, ROWS);
  float* partial = scratch<float>(SCRATCH_PARTIAL, (size_t)max_of(1, chunks) * columns * 2);
  parallel_chunks(rows, ROWS, [&](int from, int to) {
    float* products = partial + (size_t)(from / ROWS) * columns * 2;
    float* sums = products + columns;
    for (int c = 0; c < 2 * columns; c++) products[c] = 0;
    for (int row = from; row < to; row++) {
      const float *in = x + (size_t)row * columns, *grad = dy + (size_t)row * columns;
      float* out = dx + (size_t)row * columns;
      const float average = mean[row], inverse = inv_std[row];
      RowSum sum, product;
      by_lanes(columns, [&](int c, auto lanes) {
        const auto g = lanes.load(grad + c), normal = (lanes.load(in + c) - average) * inverse, scaled = g * lanes.load(gamma + c);
        lanes.store(products + c, lanes.load(products + c) + g * normal);
        lanes.store(sums + c, lanes.load(sums + c) + g);
        sum.add(scaled);
        product.add(scaled * normal);
      });
      const float shift = sum.total() / columns, pull = product.total() / columns;
      by_lanes(columns, [&](int c, auto lanes) {
        const auto normal = (lanes.load(in + c) - average) * inverse;
        lanes.store(out + c, (lanes.load(grad + c) * lanes.load(gamma + c) - shift - normal * pull) * inverse);
      });
    }
  });
  for (int c = 0; c < columns; c++) {
    double product = 0, sum = 0;
    for (int chunk = 0; chunk < chunks; chunk++) {
      product += partial[(size_t)chunk * columns * 2 + c];
      sum += partial[(size_t)chunk * columns * 2 + columns + c];
    }
    dgamma[c] = (float)product;
    dbeta[c] = (float)sum;
  }
}
