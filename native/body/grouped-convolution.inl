// Convolutions in groups: output o sees the channels of its group alone, w [out, taps, channels / groups]. With one channel
// a group (depthwise) all channels are computed side by side; else a group is a dense convolution of its own, of copies.

// y += a * b: the one loop that takes time, out of line so that it is there once
__attribute__((noinline)) static void add_products(float* y, const float* a, const float* b, int count) {
  by_some_lanes(count, [&](int i, auto lanes) {
    lanes.store(y + i, lanes.load(y + i) + lanes.load(a + i) * lanes.load(b + i));
  });
}

#ifdef __wasm__
#pragma clang attribute push(__attribute__((minsize)), apply_to = function)
#endif

// w [rows, columns] as [columns, rows]: of taps, so that channels are neighbors, and back
__attribute__((noinline)) static void transpose_taps(float* to, const float* from, int rows, int columns) {
  for (int row = 0; row < rows; row++)
    for (int column = 0; column < columns; column++) to[(size_t)column * rows + row] = from[(size_t)row * columns + column];
}

// What a depthwise convolution multiplies; the products of two of them are added to the third.
enum Into { INTO_X, INTO_Y, INTO_TAPS };

// For every tap that lies in the image, of the positions of one line of outputs: taps [tap, channel].
__attribute__((noinline)) static void depthwise_line(const Geometry& g, int image, int row, float* x, float* y, float* taps, Into into) {
  const int channels = g.channels;
  for (int kh = 0; kh < g.kernel_height; kh++) {
    const int h = row * g.stride + kh - g.padding;
    if ((unsigned)h >= (unsigned)g.height) continue;
    const size_t line = ((size_t)image * g.height + h) * g.width, first = ((size_t)image * g.out_height + row) * g.out_width;
    for (int column = 0; column < g.out_width; column++)
      for (int kw = 0; kw < g.kernel_width; kw++) {
        const int w = column * g.stride + kw - g.padding;
        if ((unsigned)w >= (unsigned)g.width) continue;
        float* const of[] = {x + (line + w) * channels, y + (first + column) * channels, taps + (size_t)(kh * g.kernel_width + kw) * channels};
        add_products(of[into], of[(into + 1) % 3], of[(into + 2) % 3], channels);
      }
  }
}

static void depthwise_forward(float* y, const float* x, const float* w, const float* bias, const Geometry& g, int relu) {
  float* taps = scratch<float>(SCRATCH_PANELS, (size_t)g.taps() * g.out);
  transpose_taps(taps, w, g.out, g.taps());
  const int channels = g.channels;
  parallel(g.batch * g.out_height, [&](int line) {
    float* begin = y + (size_t)line * g.out_width * channels;
    if (!bias) __builtin_memset(begin, 0, (size_t)g.out_width * channels * sizeof(float));
    else for (int column = 0; column < g.out_width; column++) __builtin_memcpy(begin + (size_t)column * channels, bias, channels * sizeof(float));
    depthwise_line(g, line / g.out_height, line % g.out_height, (float*)x, y, taps, INTO_Y);
    if (relu) for (size_t i = 0; i < (size_t)g.out_width * channels; i++) begin[i] = rectified(begin[i]);
  });
  runtime->count_multiplies((int64_t)g.positions() * g.taps() * channels);
}

// Pairs of a pixel and a tap along one axis that some window could bring together: what input_grad counts.
static int64_t pairs_along(int length, int kernel, int stride, int padding) {
  int64_t pairs = 0;
  for (int i = 0; i < length; i++)
    for (int tap = 0; tap < kernel; tap++) pairs += (i + padding - tap) % stride == 0;
  return pairs;
}

// An image is one task: windows overlap.
static void depthwise_input_grad(float* dx, const float* dy, const float* w, const Geometry& g) {
  float* taps = scratch<float>(SCRATCH_PANELS, (size_t)g.taps() * g.out);
  transpose_taps(taps, w, g.out, g.taps());
  const int channels = g.channels;
  const size_t size = (size_t)g.height * g.width * channels;
  parallel(g.batch, [&](int image) {
    __builtin_memset(dx + image * size, 0, size * sizeof(float));
    for (int row = 0; row < g.out_height; row++) depthwise_line(g, image, row, dx, (float*)dy, taps, INTO_X);
  });
  const int64_t rows = pairs_along(g.height, g.kernel_height, g.stride, g.padding);
  runtime->count_multiplies(g.batch * rows * pairs_along(g.width, g.kernel_width, g.stride, g.padding) * channels);
}

// Sums of lines, of images and of all, each added in order: long sums of single terms would lose digits.
static void depthwise_weight_grad(float* dw, const float* dy, const float* x, const Geometry& g) {
  const int channels = g.channels, size = g.taps() * channels;
  float* sums = scratch<float>(SCRATCH_PARTIAL, (size_t)max_of(1, g.batch) * size);
  __builtin_memset(sums, 0, (size_t)max_of(1, g.batch) * size * sizeof(float));
  parallel(g.batch, [&](int image) {
    float *sum = sums + (size_t)image * size, *of_line = scratch<float>(SCRATCH_STRIP, size);
    for (int row = 0; row < g.out_height; row++) {
      __builtin_memset(of_line, 0, size * sizeof(float));
      depthwise_line(g, image, row, (float*)x, (float*)dy, of_line, INTO_TAPS);
      for (int i = 0; i < size; i++) sum[i] += of_line[i];
    }
  });
  for (int image = 1; image < g.batch; image++)
    for (int i = 0; i < size; i++) sums[i] += sums[(size_t)image * size + i];
  transpose_taps(dw, sums, g.taps(), channels);
  runtime->count_multiplies((int64_t)g.positions() * size);
}

// What a group is by itself: its geometry, and memory for copies of its channels of x and y.
struct Group {
  const Geometry whole;
  int32_t geometry[11];
  const int groups, channels, out, pixels;
  float *x, *y;
  Group(const int32_t* g, int groups)
      : whole(g), groups(groups), channels(whole.channels / groups), out(whole.out / groups), pixels(whole.batch * whole.height * whole.width) {
    __builtin_memcpy(geometry, g, sizeof geometry);
    geometry[3] = channels;
    geometry[10] = out;
    x = scratch<float>(SCRATCH_GROUP, (size_t)pixels * channels + (size_t)whole.positions() * out);
    y = x + (size_t)pixels * channels;
  }
  bool is_depthwise() const { return channels == 1 && out == 1; }
  size_t weights() const { return (size_t)out * whole.taps() * channels; }
  void take_x(const float* from, int group) const { copy_columns(x, from, pixels, channels, channels, 0, whole.channels, group * channels); }
  void take_y(const float* from, int group) const { copy_columns(y, from, whole.positions(), out, out, 0, whole.out, group * out); }
};

static void grouped_forward(float* y, const float* x, const float* w, const float* bias, const int32_t* geometry, int groups, int relu) {
  const Group one(geometry, groups);
  if (one.is_depthwise()) return depthwise_forward(y, x, w, bias, one.whole, relu);
  for (int group = 0; group < groups; group++) {
    one.take_x(x, group);
    forward(one.y, one.x, w + group * one.weights(), bias ? bias + group * one.out : nullptr, one.geometry, relu);
    copy_columns(y, one.y, one.whole.positions(), one.out, one.whole.out, group * one.out, one.out, 0);
  }
}

static void grouped_input_grad(float* dx, const float* dy, const float* w, const int32_t* geometry, int groups) {
  const Group one(geometry, groups);
  if (one.is_depthwise()) return depthwise_input_grad(dx, dy, w, one.whole);
  for (int group = 0; group < groups; group++) {
    one.take_y(dy, group);
    input_grad(one.x, one.y, w + group * one.weights(), one.geometry);
    copy_columns(dx, one.x, one.pixels, one.channels, one.whole.channels, group * one.channels, one.channels, 0);
  }
}

static void grouped_weight_grad(float* dw, const float* dy, const float* x, const int32_t* geometry, int groups) {
  const Group one(geometry, groups);
  if (one.is_depthwise()) return depthwise_weight_grad(dw, dy, x, one.whole);
  for (int group = 0; group < groups; group++) {
    one.take_x(x, group);
    one.take_y(dy, group);
    weight_grad(dw + group * one.weights(), one.y, one.x, one.geometry);
  }
}

#ifdef __wasm__
#pragma clang attribute pop
#endif
