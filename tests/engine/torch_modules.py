"""Torch modules as people write them, to be imported."""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812


class CharLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(11, 16)
        self.lstm = nn.LSTM(16, 12, num_layers=2, batch_first=True, dropout=0.1)
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(12, 11)

    def forward(self, x, state=None):
        y, state = self.lstm(self.emb(x), state)
        return self.fc(self.drop(y)), state


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(11, 8)
        self.rnn = nn.GRU(8, 6, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(12)
        self.fc = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4))

    def forward(self, x):
        y, _ = self.rnn(self.emb(x))
        return F.log_softmax(self.fc(self.norm(y[:, -1])), dim=-1)


class LastState(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(3, 8, batch_first=True)
        self.fc = nn.Linear(8, 1)

    def forward(self, x):
        _, h = self.rnn(x)
        return self.fc(h[-1])


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(11, 16)
        self.attn = nn.MultiheadAttention(16, 4, batch_first=True)
        layer = nn.TransformerEncoderLayer(16, 4, 64, activation="gelu", batch_first=True)
        self.enc = nn.TransformerEncoder(layer, 2)
        self.q, self.k, self.v = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16)
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        x = self.emb(x)
        y, _ = self.attn(x, x, x, need_weights=False)
        x = self.enc(x + y)
        scores = self.q(x) @ self.k(x).transpose(-2, -1) / 4.0
        a = torch.softmax(scores, dim=-1) @ self.v(x)
        return self.fc((x + a).mean(1))


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(11, 16)
        self.conv = nn.Conv1d(16, 16, 3, padding=1)
        self.fc = nn.Linear(16, 11)

    def forward(self, x):
        y = self.emb(x)
        return self.fc(y - self.conv(y) * 0.5)


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(11, 8)
        self.lstm = nn.LSTM(8, 8, batch_first=True)
        self.fc = nn.Linear(8, 11)

    def forward(self, x):
        y = self.emb(x)
        if y.shape[1] > 100:
            raise ValueError("too long")
        y, _ = self.lstm(y)
        return self.fc(torch.tanh(y))


class NeedsSize(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.fc = nn.Linear(size, size)

    def forward(self, x):
        return self.fc(x)
