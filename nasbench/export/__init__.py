"""Networks that stand alone: plain Python, ONNX, TorchScript and torch.export."""
