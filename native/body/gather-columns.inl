// Columns of im2col(x) by number: what a convolution still multiplies by when its other columns are zero in all filters.
// A window that lies in the image is read by offsets from its first pixel; those at a border look at each of their taps.
#ifdef __wasm__
#pragma clang attribute push(__attribute__((minsize)), apply_to = function)
#endif

struct Gathering {
  const Geometry g;
  const uint32_t* columns;
  const int count;
  int* offsets;
  Gathering(const int32_t* geometry, const uint32_t* columns, int count)
      : g(geometry), columns(columns), count(count), offsets(scratch<int>(SCRATCH_ROWS, max_of(1, count))) {
    for (int i = 0; i < count; i++) {
      const int tap = columns[i] / g.channels, channel = columns[i] % g.channels;
      offsets[i] = (tap / g.kernel_width * g.width + tap % g.kernel_width) * g.channels + channel;
    }
  }
  bool inside(const Position& p) const {
    const int h = p.row * g.stride - g.padding, w = p.column * g.stride - g.padding;
    return h >= 0 && w >= 0 && h + g.kernel_height <= g.height && w + g.kernel_width <= g.width;
  }
  // visit(entry of the gathered row, place in x) for what lies inside of the image
  template <class Visit>
  void row(const Position& p, const Visit& visit) const {
    const int h = p.row * g.stride - g.padding, w = p.column * g.stride - g.padding;
    const ptrdiff_t first = (((ptrdiff_t)p.image * g.height + h) * g.width + w) * g.channels;
    if (inside(p)) {
      for (int i = 0; i < count; i++) visit(i, first + offsets[i]);
      return;
    }
    for (int i = 0; i < count; i++) {
      const int tap = columns[i] / g.channels;
      const bool there = (unsigned)(h + tap / g.kernel_width) < (unsigned)g.height && (unsigned)(w + tap % g.kernel_width) < (unsigned)g.width;
      if (there) visit(i, first + offsets[i]);
    }
  }
};

static void gather_columns(float* y, const float* x, const uint32_t* columns, int count, const int32_t* geometry) {
  const Gathering from(geometry, columns, count);
  const Geometry& g = from.g;
  parallel_chunks(g.positions(), max_of(1, CHUNK / max_of(1, count)), [&](int begin, int end) {
    Position p = position_of(begin, g.out_height, g.out_width);
    for (int t = begin; t < end; t++, advance(p, g.out_height, g.out_width)) {
      float* row = y + (size_t)t * count;
      if (!from.inside(p)) __builtin_memset(row, 0, count * sizeof(float));
      from.row(p, [&](int i, ptrdiff_t at) { row[i] = x[at]; });
    }
  });
}

// An image is one task: windows overlap, and so each pixel has its terms in the order of the positions.
static void scatter_columns(float* dx, const float* dy, const uint32_t* columns, int count, const int32_t* geometry) {
  const Gathering to(geometry, columns, count);
  const Geometry& g = to.g;
  const size_t size = (size_t)g.height * g.width * g.channels;
  const int places = g.out_height * g.out_width;
  parallel_chunks(g.batch, max_of(1, CHUNK / max_of(1, (int)size)), [&](int begin, int end) {
    __builtin_memset(dx + begin * size, 0, (end - begin) * size * sizeof(float));
    Position p = {begin, 0, 0};
    for (size_t t = (size_t)begin * places; t < (size_t)end * places; t++, advance(p, g.out_height, g.out_width))
      to.row(p, [&](int i, ptrdiff_t at) { dx[at] += dy[t * count + i]; });
  });
}

#ifdef __wasm__
#pragma clang attribute pop
#endif
