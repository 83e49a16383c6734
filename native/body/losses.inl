// Losses with their gradients.

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
