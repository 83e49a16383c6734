// Losses: each writes the mean and, in the same pass, its gradient. Sums are in double precision, of chunks that are fixed by
// the shape and added in order. A step computes one of them once: in WASM size counts, and loops are not copied for each case.
// out = e^(x - largest) of a row; returns their sum. A function of its own: WASM modules have it once.
__attribute__((noinline)) static float exponentials(float* out, const float* x, int classes, float& largest) {
  largest = x[0];
  for (int c = 1; c < classes; c++) largest = x[c] > largest ? x[c] : largest;
  float sum = 0;
  for (int c = 0; c < classes; c++) sum += out[c] = exponential(x[c] - largest);
  return sum;
}

// losses[row] = -log softmax(logits)[label]; dlogits = (softmax - one hot) / rows, the gradient of the mean loss
static void softmax_cross_entropy(float* losses, float* dlogits, const float* logits, const int32_t* labels, int rows, int classes) {
  parallel_chunks(rows, max_of(1, CHUNK / max_of(1, classes)), [&](int from, int to) {
    for (int row = from; row < to; row++) {
      const float* x = logits + (size_t)row * classes;
      float* d = dlogits + (size_t)row * classes;
      float largest;
      const float sum = exponentials(d, x, classes, largest);
      losses[row] = (float)__builtin_log((double)sum) + largest - x[labels[row]];
      const float share = 1.0f / (sum * rows);
      scale(d, classes, share);
      d[labels[row]] -= 1.0f / rows;
    }
  });
}

#ifdef __wasm__
#pragma clang attribute push(__attribute__((minsize)), apply_to = function)
#endif

// The sum of body(from, to) over chunks of 0..count-1.
template <class Body>
static double sum_of_chunks(int count, int chunk, const Body& body) {
  const int chunks = ceil_div(count, chunk);
  double* partial = scratch<double>(SCRATCH_PARTIAL, chunks + 1);
  parallel_chunks(count, chunk, [&](int from, int to) { partial[from / chunk] = body(from, to); });
  double sum = 0;
  for (int i = 0; i < chunks; i++) sum += partial[i];
  return sum;
}

// quadratic * e^2 where |e| <= reach, linear * (|e| - reach / 2) beyond, of e = x - target
static void regression_loss(float* loss, float* dx, const float* x, const float* targets, int count, float reach, float quadratic, float linear) {
  const float steep = 2 * quadratic / count, flat = linear / count;
  *loss = (float)(sum_of_chunks(count, CHUNK, [&](int from, int to) {
    double sum = 0;
    for (int i = from; i < to; i++) {
      const float e = x[i] - targets[i], size = e < 0 ? -e : e;
      const bool near = size <= reach;
      sum += near ? quadratic * e * e : linear * (size - 0.5f * reach);
      // e itself where it is NaN
      dx[i] = near ? steep * e : e > 0 ? flat : e < 0 ? -flat : e;
    }
    return sum;
  }) / count);
}

// Of logits: (1 - y) x + (1 + (p - 1) y) log(1 + e^-x), with the weight p of what is there
static void binary_cross_entropy(float* loss, float* dlogits, const float* logits, const float* targets, const float* positive, int rows, int classes) {
  const float share = 1.0f / ((float)rows * classes);
  *loss = (float)(sum_of_chunks(rows, max_of(1, CHUNK / max_of(1, classes)), [&](int from, int to) {
    double sum = 0;
    for (size_t i = (size_t)from * classes, c = 0; i < (size_t)to * classes; i++, c = c + 1 == (size_t)classes ? 0 : c + 1) {
      const float x = logits[i], y = targets[i], e = exponential(x < 0 ? x : -x);
      const float weight = positive ? 1 + (positive[c] - 1) * y : 1;
      // log(1 + e^-x) without overflow, and 1 / (1 + e^x) without 1 - almost 1
      sum += (1 - y) * x + weight * ((float)__builtin_log(1 + (double)e) + (x < 0 ? -x : 0));
      dlogits[i] = (1 - y - weight * ((x < 0 ? 1 : e) / (1 + e))) * share;
    }
    return sum;
  }) / ((double)rows * classes));
}

// Against any targets: labels, those below 0 left out, or else probabilities [rows, classes], of which smoothing / classes
// each goes to all. Class weights may be null.
static void target_cross_entropy(float* loss, float* dlogits, const float* logits, const int32_t* labels, const float* targets, const float* weights, int rows, int classes, float smoothing) {
  double total = 0;
  for (int row = 0; row < rows; row++)
    total += !labels ? 1 : labels[row] < 0 ? 0 : weights ? weights[labels[row]] : 1;
  const float share = total == 0 ? 0 : (float)(1 / total), uniform = smoothing / classes;
  *loss = (float)(sum_of_chunks(rows, max_of(1, CHUNK / max_of(1, classes)), [&](int from, int to) {
    double losses = 0;
    for (int row = from; row < to; row++) {
      const float* x = logits + (size_t)row * classes;
      float* d = dlogits + (size_t)row * classes;
      if (labels && labels[row] < 0) {
        for (int c = 0; c < classes; c++) d[c] = 0;
        continue;
      }
      const auto wanted = [&](int c) {
        const float target = labels ? (float)(c == labels[row]) : targets[(size_t)row * classes + c];
        return ((1 - smoothing) * target + uniform) * (weights ? weights[c] : 1);
      };
      float largest;
      const float sum = exponentials(d, x, classes, largest);
      const float log_sum = (float)__builtin_log((double)sum);
      float mass = 0;
      for (int c = 0; c < classes; c++) {
        const float q = wanted(c);
        mass += q;
        // what is not wanted may be -infinity
        if (q != 0) losses += q * (log_sum - (x[c] - largest));
      }
      for (int c = 0; c < classes; c++) d[c] = (d[c] / sum * mass - wanted(c)) * share;
    }
    return losses;
  }) / total);
}
// See LossKernels. What each cell adds to the loss is kept, and added in order.
static void detection_loss(float* loss, float* gradient, const float* outputs, const int32_t* labels, const float* offsets, int cells, int classes, float background, float boxes, float beta) {
  const int width = classes + 5;
  double weights = 0;
  int objects = 0;
  for (int cell = 0; cell < cells; cell++) {
    weights += labels[cell] < classes ? 1.0 : background;
    objects += labels[cell] < classes;
  }
  double* shares = scratch<double>(SCRATCH_ROWS, cells);
  const double box = boxes / (double)objects;
  parallel_chunks(cells, max_of(1, CHUNK / width), [&](int from, int to) {
    for (int cell = from; cell < to; cell++) {
      const float* x = outputs + (size_t)cell * width;
      float* d = gradient + (size_t)cell * width;
      const int label = labels[cell];
      const double weight = (label < classes ? 1.0 : background) / weights;
      float largest;
      const float sum = exponentials(d, x, classes + 1, largest);
      double share = weight * (__builtin_log((double)sum) + largest - x[label]);
      scale(d, classes + 1, (float)(weight / sum));
      d[label] -= (float)weight;
      for (int i = 0; i < 4; i++) {
        d[classes + 1 + i] = 0;
        if (label == classes) continue;
        const float error = x[classes + 1 + i] - offsets[4 * (size_t)cell + i], size = error < 0 ? -error : error;
        share += box * (size < beta ? error * error / (2 * beta) : size - beta / 2);
        d[classes + 1 + i] = (float)(box * (size < beta ? error / beta : error < 0 ? -1 : error > 0 ? 1 : error));
      }
      shares[cell] = share;
    }
  });
  double sum = 0;
  for (int cell = 0; cell < cells; cell++) sum += shares[cell];
  *loss = (float)sum;
}
#ifdef __wasm__
#pragma clang attribute pop
#endif
